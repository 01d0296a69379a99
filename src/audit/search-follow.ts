// Moves the index along the segments, one block after the other. It trusts the lines (verification is another job) but never
// skips one. The last lines of the log are no whole block yet: they are not in the index but read whenever somebody asks.

import { statSync } from 'node:fs';
import { BlockBuilder, blockBytesMax, type BlockContent } from './search-block.ts';
import type { Position, SearchStore } from './search-store.ts';
import { listSegments, readPieces, segmentOf } from './segments.ts';

/** Takes up to `blocksMax` further whole blocks of events up to number `lastSeq` in; gives how many. */
export async function followSegments(dir: string, store: SearchStore, blocksMax: number, lastSeq: number): Promise<number> {
  const { blocks } = await readBlocks(dir, store.position(), blocksMax, lastSeq);
  store.add(blocks);
  return blocks.length;
}

/** True when what was written since `position` may make a block: a look at the size of a file. */
export function mayHaveBlock(dir: string, position: Position): boolean {
  const { size } = statSync(segmentOf(dir, position.segment).path);
  return size - position.offset >= bytesWorthReading || hasNext(dir, position);
}

/** The lines behind the last whole block, up to event `lastSeq`, as a block; null when there is none. */
export async function lastLines(dir: string, store: SearchStore, lastSeq: number): Promise<BlockContent | null> {
  return (await readBlocks(dir, store.position(), Infinity, lastSeq)).rest;
}

/** Fewer bytes hardly make a block of the usual short lines. */
const bytesWorthReading = blockBytesMax / 4;

async function readBlocks(
  dir: string,
  position: Position,
  blocksMax: number,
  lastSeq: number,
): Promise<{ blocks: BlockContent[]; rest: BlockContent | null }> {
  const start = nextPlace(dir, position);
  const blocks: BlockContent[] = [];
  let builder = new BlockBuilder(start.segment, start.offset, start.seq + 1);
  await readPieces(segmentOf(dir, start.segment).path, start.offset, (text, offset) => {
    for (let from = 0, to = text.indexOf('\n'); to >= 0; from = to + 1, to = text.indexOf('\n', from)) {
      if (builder.isFull) {
        blocks.push(builder.content() as BlockContent);
        builder = new BlockBuilder(start.segment, offset + from, builder.nextSeq);
      }
      if (blocks.length >= blocksMax || builder.nextSeq > lastSeq) return false;
      builder.take(text, from, to);
    }
    return true;
  });
  const rest = builder.content();
  if (rest === null) return { blocks, rest };
  // A block ends with its file, however short it is.
  const ended = hasNext(dir, {
    seq: rest.block.lastSeq,
    hash: '',
    segment: start.segment,
    offset: rest.block.offset + rest.block.lengthBytes,
  });
  if (!ended && !builder.isFull) return { blocks, rest };
  return { blocks: [...blocks, rest], rest: null };
}

/** At the end of a file that has a successor, the beginning of the successor. */
function nextPlace(dir: string, position: Position): Position {
  return hasNext(dir, position) ? { ...position, segment: position.seq + 1, offset: 0 } : position;
}

function hasNext(dir: string, position: Position): boolean {
  if (position.seq === 0) return false;
  if (position.offset < statSync(segmentOf(dir, position.segment).path).size) return false;
  return listSegments(dir).some((it) => it.firstSeq === position.seq + 1 && it.firstSeq !== position.segment);
}
