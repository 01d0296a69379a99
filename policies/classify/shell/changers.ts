// Programs that change files and processes in known ways: what they write and remove is named, so that policies can speak of
// it and approvers see it.

import type { Call, Reader } from './call.ts';
import { readsFiles, unsure, writes, writesFiles } from './call.ts';
import { operands } from './options.ts';
import type { Argument } from './words.ts';
import { literal, unknownPath } from './words.ts';

const removes =
  (why: string): Reader =>
  (call) => {
    writes(call);
    removed(call, operands(call.args), why);
  };

const changesFiles: Reader = (call) => {
  writes(call);
  writesFiles(call, operands(call.args));
};

/** chmod MODE FILE…, chown OWNER FILE…: the first operand is no file. */
const changesAfterFirst: Reader = (call) => {
  writes(call);
  writesFiles(call, operands(call.args).slice(1));
};

/** cp, ln, install: the last operand is written, or the value of -t. */
const copies: Reader = (call) => {
  writes(call);
  const files = operands(call.args);
  const folder = targetFolder(call);
  if (folder === null) {
    readsFiles(call, files.slice(0, -1));
    return writesFiles(call, files.slice(-1));
  }
  readsFiles(call, files);
  writesFiles(call, [folder]);
};

const moves: Reader = (call) => {
  copies(call);
  const files = operands(call.args);
  removed(call, targetFolder(call) === null ? files.slice(0, -1) : files, 'moves a file away');
};

const changesProcesses: Reader = (call) => {
  writes(call);
  call.found.effect('admin', 'write');
  call.found.risk(call.span, 'acts on running processes');
};

const changesMachine: Reader = (call) => {
  writes(call);
  call.found.effect('admin', 'write');
  call.found.risk(call.span, 'changes the machine for everybody');
};

/** dd: operands are name=value. */
const dd: Reader = (call) => {
  let changes = false;
  for (const { text, prefix, splits, span } of call.args) {
    if (splits || (text === null && !/^(?:if|bs|ibs|obs|count|skip|status|conv|iflag)=/.test(prefix)))
      return unsure(call, span, 'this may name a file to write');
    if (text?.startsWith('if=') === true) call.found.effect('file-read', 'read', 'file', text.slice(3));
    if (!prefix.startsWith('of=')) continue;
    changes = true;
    writesFiles(call, [text === null ? unknownPath('', span) : literal(text.slice(3), span)]);
  }
  if (changes) writes(call);
  else call.found.effect('run', 'read', 'program', call.name);
};

function removed(call: Call, files: readonly Argument[], why: string): void {
  for (const { text, span } of files) {
    call.found.effect('file-remove', 'write', 'file', text);
    call.found.risk(span, why);
  }
  if (files.length === 0) call.found.effect('file-remove', 'write', 'file', null);
}

function targetFolder({ args }: Call): Argument | null {
  const index = args.findIndex(({ text }) => text !== null && /^(?:-[a-zA-Z]*t|--target-directory(?:=.*)?)$/.test(text));
  const found = args[index];
  if (found === undefined) return null;
  const value = found.text?.split('=')[1];
  return value === undefined ? (args[index + 1] ?? null) : { ...found, text: value };
}

const all = (names: string, reader: Reader): [string, Reader][] => names.split(' ').map((name) => [name, reader]);

export const changers: ReadonlyMap<string, Reader> = new Map([
  ...all('rm unlink rmdir shred', removes('removes it')),
  ...all(
    'tee touch mkdir mkfifo mknod mktemp truncate split csplit gzip gunzip bzip2 bunzip2 xz unxz zstd unzip zip fallocate patch',
    changesFiles,
  ),
  ...all('chmod chown chgrp setfacl setfattr chattr chcon', changesAfterFirst),
  ...all('cp ln link install rename', copies),
  ['mv', moves],
  ['dd', dd],
  ...all('kill pkill killall renice fuser', changesProcesses),
  ...all(
    'reboot shutdown halt poweroff init telinit mount umount mkfs fdisk parted swapoff swapon modprobe insmod rmmod iptables ip6tables nft useradd userdel usermod groupadd groupdel passwd chpasswd visudo apt-get dnf yum apk pacman snap pip pip3 npm service at batch hwclock mkswap losetup lvremove lvcreate vgremove update-rc.d',
    changesMachine,
  ),
]);
