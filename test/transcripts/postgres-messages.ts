// One line of text for each PostgreSQL message, both ways, so that transcripts can be read and written by people.
//   client: Q text | P name|text | B portal|statement|values | E portal|rows | D S name | C P name | S | H | d data | c | f why | F oid | X
//   target: 1 2 3 n s I | C tag | Z I | E sqlstate words | T column | t oids | R.. | G | K.. | S name=value

import * as wire from '../../protocols/postgres/messages.ts';

const cstring = (text: string): Buffer => Buffer.from(`${text}\0`);
const int16 = (value: number): Buffer => {
  const out = Buffer.alloc(2);
  out.writeInt16BE(value);
  return out;
};

function split(line: string): [string, string] {
  const space = line.indexOf(' ');
  return space < 0 ? [line, ''] : [line.slice(0, space), line.slice(space + 1)];
}

/** A client's line as bytes. */
export function clientMessage(line: string): Buffer {
  const [letter, rest] = split(line);
  const type = letter.charCodeAt(0);
  const fields = rest.split('|');
  switch (letter) {
    case 'Q':
      return wire.query(rest);
    case 'P':
      return wire.message(type, Buffer.concat([cstring(fields[0] ?? ''), cstring(fields.slice(1).join('|')), int16(0)]));
    case 'B': {
      const values = (fields[2] ?? '') === '' ? [] : (fields[2] as string).split(',');
      const encoded = values.flatMap((value) => [wire.int32(Buffer.byteLength(value)), Buffer.from(value)]);
      return wire.message(
        type,
        Buffer.concat([cstring(fields[0] ?? ''), cstring(fields[1] ?? ''), int16(0), int16(values.length), ...encoded, int16(0)]),
      );
    }
    case 'E':
      return wire.message(type, Buffer.concat([cstring(fields[0] ?? ''), wire.int32(Number(fields[1] ?? 0))]));
    case 'D':
    case 'C':
      return wire.message(type, Buffer.concat([Buffer.from(rest.slice(0, 1)), cstring(rest.slice(2))]));
    case 'F':
      return wire.message(type, Buffer.concat([wire.int32(Number(rest)), int16(0), int16(0), int16(0)]));
    case 'd':
      return wire.message(type, Buffer.from(rest));
    case 'f':
      return wire.message(type, cstring(rest));
    default:
      return wire.message(type, Buffer.alloc(0));
  }
}

/** A target's line as bytes. */
export function targetMessage(line: string): Buffer {
  const [letter, rest] = split(line);
  const type = letter.charCodeAt(0);
  switch (letter) {
    case 'C':
      return wire.message(type, cstring(rest));
    case 'Z':
      return wire.readyForQuery(rest.charCodeAt(0));
    case 'E': {
      const [code, message] = split(rest);
      return wire.diagnostic({ severity: 'ERROR', code, message });
    }
    case 'T':
      return wire.message(type, Buffer.concat([int16(1), cstring(rest), Buffer.alloc(18)]));
    case 't': {
      const oids = rest === '' ? [] : rest.split(',').map(Number);
      return wire.message(type, Buffer.concat([int16(oids.length), wire.int32(...oids)]));
    }
    case 'D':
      return wire.message(type, Buffer.concat([int16(1), wire.int32(Buffer.byteLength(rest)), Buffer.from(rest)]));
    case 'S': {
      const [name = '', value = ''] = rest.split('=');
      return wire.parameterStatus(name, value);
    }
    case 'G':
      return wire.message(type, Buffer.from([0, 0, 0]));
    default:
      return wire.message(type, Buffer.alloc(0));
  }
}

/** What went to the target, as lines. */
export function readClientBytes(bytes: Buffer): string[] {
  return messages(bytes).map(({ letter, bytes: one }) => {
    const reader = new wire.BodyReader(one);
    switch (letter) {
      case 'Q':
        return `Q ${reader.cstring()}`;
      case 'P': {
        const { name, text } = wire.readParse(one);
        return `P ${name}|${text.toString()}`;
      }
      case 'B': {
        const { portal, statement, values } = wire.readBind(one);
        return `B ${portal}|${statement}|${values.map((it) => it?.toString() ?? 'NULL').join(',')}`;
      }
      case 'E': {
        const { portal, rowsMax } = wire.readExecute(one);
        return `E ${portal}|${rowsMax}`;
      }
      case 'D':
      case 'C': {
        const { what, name } = wire.readNamed(one);
        return `${letter} ${what === 'portal' ? 'P' : 'S'} ${name}`;
      }
      case 'd':
        return `d ${reader.rest().toString()}`;
      case 'F':
        return `F ${reader.int32()}`;
      default:
        return letter;
    }
  });
}

/** What went to the client, as lines. */
export function readTargetBytes(bytes: Buffer): string[] {
  return messages(bytes).map(({ letter, bytes: one }) => {
    const reader = new wire.BodyReader(one);
    switch (letter) {
      case 'C':
        return `C ${reader.cstring()}`;
      case 'Z':
        return `Z ${String.fromCharCode(reader.byte())}`;
      case 'E':
      case 'N': {
        const { code, message } = wire.readDiagnostic(one);
        return `${letter} ${code} ${message}`;
      }
      case 'D': {
        reader.int16();
        return `D ${reader.bytes(reader.int32()).toString()}`;
      }
      case 'S':
        return `S ${reader.cstring()}=${reader.cstring()}`;
      case 'T':
        reader.int16();
        return `T ${reader.cstring()}`;
      default:
        return letter;
    }
  });
}

/** How many of the first bytes are whole messages. */
export function wholeMessages(bytes: Buffer): number {
  let at = 0;
  while (at + 5 <= bytes.length) {
    const end = at + 1 + bytes.readInt32BE(at + 1);
    if (end > bytes.length) break;
    at = end;
  }
  return at;
}

function messages(bytes: Buffer): { letter: string; bytes: Buffer }[] {
  const out: { letter: string; bytes: Buffer }[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 1 + bytes.readInt32BE(at + 1);
    out.push({ letter: String.fromCharCode(bytes[at] as number), bytes: bytes.subarray(at, end) });
    at = end;
  }
  return out;
}
