// What runs in the target's bash so that it asks before it runs anything: the Enter key asks with the whole line, the DEBUG trap
// with each simple command, and each question carries a fresh nonce that its answer must name. Readline can be made to accept a line
// in other ways than by the Enter key: PS0, which bash expands before it runs what it read, kills the shell unless the last line that
// was read was answered as a whole command. The functions are read-only, and call builtins as builtins. It is a guard rail: programs that
// run commands themselves are outside of it (docs/ssh.md).

/** Begins every message of the guard, before its token: a private sequence (OSC) that terminals don't show. */
export const guardPrefix = '\u001b]7777;';
export const guardEnd = '\u0007';
/** What stands in the line that was refused: it runs as a function that fails with 126. */
export const refusedLine = '__sp_refused';

/** Variables that the account's own environment keeps; everything else (exported functions, BASH_ENV, PROMPT_COMMAND …) is left out. */
const keptVariables = [
  ...['HOME', 'USER', 'LOGNAME', 'PATH', 'SHELL', 'TERM', 'MAIL', 'TZ', 'LANG', 'LANGUAGE', 'LC_ALL', 'LC_CTYPE', 'LC_MESSAGES'],
  ...['LC_COLLATE', 'LC_NUMERIC', 'LC_TIME', 'LC_MONETARY', 'COLORTERM', 'NO_COLOR', 'SSH_CONNECTION', 'SSH_CLIENT', 'SSH_TTY'],
  ...['SSH_AUTH_SOCK', 'DISPLAY', 'XDG_RUNTIME_DIR'],
];

/** The command for the target: bash with the guard as its only start-up file. `token` is hexadecimal, new for each shell. */
export function guardCommand(token: string): string {
  const variables = keptVariables.map((name) => `\${${name}+${name}="$${name}"}`).join(' ');
  const bash = 'bash --noprofile --rcfile /dev/fd/9 -i';
  return `exec env -i INPUTRC=/dev/null ${variables} ${bash} 9<<'__sp_${token}'\n${script(token)}__sp_${token}\n`;
}

function script(token: string): string {
  const say = (words: string) => `\\e]7777;${token};${words}\\a`;
  return String.raw`
if [[ -z ${'$'}{BASH_VERSINFO-} ]] || (( BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 501 )) || [[ ! -r /proc/sys/kernel/random/uuid ]]; then
  builtin printf '${say('V;%s')}' "${'$'}{BASH_VERSION@Q}"; builtin exit 126
fi
set +H
shopt -s checkwinsize
HISTFILE= HISTCONTROL=ignorespace HISTIGNORE=${refusedLine}
PS1='\u@\h:\w\$ '
declare -A __sp_seen=()
__sp_all=0 __sp_may=0 __sp_whole=0
__sp_ask() {
  builtin local __sp_n= __sp_a= __sp_j= __sp_r=1 IFS= __sp_p= || return 1
  builtin read -r __sp_n </proc/sys/kernel/random/uuid || return 1
  [[ ${'$'}{#__sp_n} -eq 36 ]] || return 1
  if (( BASH_SUBSHELL > 0 )); then
    builtin read -r __sp_a </proc/$BASHPID/stat
    __sp_a=${'$'}{__sp_a##*) }
    IFS=' '
    builtin set -- "$1" "$2" $__sp_a
    IFS=
    [[ $5 == "$8" ]] || { builtin printf '${say('B;%s')}' "${'$'}{2@Q}" >/dev/tty; return 1; }
    __sp_a=
  fi
  __sp_p=$'${say(`'"$1;$__sp_n;\${PWD@Q};\${2@Q}"$'`)}'
  while builtin read -rs -d ';' -p "$__sp_p" __sp_a; do
    __sp_p=
    case $__sp_a in
      *"$__sp_n:y") __sp_r=0; __sp_j+=${'$'}{__sp_a%"$__sp_n:y"}; break ;;
      *"$__sp_n:u") __sp_r=0; __sp_whole=0; __sp_j+=${'$'}{__sp_a%"$__sp_n:u"}; break ;;
      *"$__sp_n:a") __sp_r=0; __sp_all=1; __sp_j+=${'$'}{__sp_a%"$__sp_n:a"}; break ;;
      *"$__sp_n:n") __sp_j+=${'$'}{__sp_a%"$__sp_n:n"}; break ;;
      *) __sp_j+="$__sp_a;" ;;
    esac
  done </dev/tty 2>/dev/tty
  builtin printf '${say('A;%s;%s')}' "$__sp_n" "${'$'}{__sp_j@Q}" >/dev/tty
  return $__sp_r
}
__sp_debug() {
  case ${'$'}{FUNCNAME[1]-} in __sp_ask | __sp_line | __sp_prompt | __sp_gate | __sp_more | ${refusedLine}) return 0 ;; esac
  case $BASH_COMMAND in __sp_line | __sp_prompt | __sp_gate | __sp_more | ${refusedLine}) return 0 ;; esac
  [[ $__sp_all == 1 || ${'$'}{__sp_seen[$BASH_COMMAND]-} == 1 ]] && return 0
  __sp_ask D "$BASH_COMMAND" || return 1
  __sp_seen[$BASH_COMMAND]=1
}
__sp_line() {
  __sp_all=0 __sp_may=0 __sp_whole=1
  builtin declare -gA __sp_seen
  __sp_seen=()
  if __sp_ask L "$READLINE_LINE"; then __sp_may=$__sp_whole; return; fi
  [[ -z $READLINE_LINE ]] || builtin history -s -- "$READLINE_LINE"
  READLINE_LINE=${refusedLine} READLINE_POINT=0 __sp_may=1
}
__sp_gate() { [[ $__sp_may == 1 ]] || builtin kill -KILL $$; }
__sp_more() { builtin printf '${say('C')}' >/dev/tty; }
${refusedLine}() { return 126; }
__sp_prompt() {
  builtin local __sp_s=$? IFS=
  __sp_all=0 __sp_may=0
  builtin declare -gA __sp_seen
  __sp_seen=()
  builtin trap '__sp_debug' DEBUG
  builtin shopt -s extdebug promptvars
  builtin printf '${say('P;%s;%s')}' "$__sp_s" "${'$'}{PWD@Q}" >/dev/tty
}
for __sp_m in emacs vi-insert vi-command; do
  bind -m $__sp_m -x '"\C-x\C-g": __sp_line'
  bind -m $__sp_m '"\C-x\C-j": accept-line'
  bind -m $__sp_m '"\C-m": "\C-x\C-g\C-x\C-j"'
  bind -m $__sp_m '"\C-j": "\C-x\C-g\C-x\C-j"'
  for __sp_k in '\C-o' '\C-x\C-e' '\C-x\C-r' '\e\C-e' '\e#'; do bind -m $__sp_m -r "$__sp_k"; done
done
for __sp_k in v '#'; do bind -m vi-command -r "$__sp_k"; done
unset __sp_m __sp_k
PROMPT_COMMAND=__sp_prompt
PS0=$'${say('X')}$(__sp_gate)'
PS2='$(__sp_more)> '
readonly -f __sp_ask __sp_debug __sp_line __sp_prompt __sp_gate __sp_more ${refusedLine}
readonly PROMPT_COMMAND PS0 PS2 FUNCNAME BASH_COMMAND
exec 9<&-
`;
}
