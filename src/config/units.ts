// Durations and sizes as people write them: "15m", "1h30m", "64MiB". A number without a unit is refused, because whoever
// reads the file later can't know whether it meant seconds or milliseconds.

const durationUnitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const sizeUnitBytes: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, kB: 1e3, MB: 1e6, GB: 1e9 };

/** Longest duration that the configuration accepts: ten years. Beyond it a typing mistake is more likely than an intention. */
export const durationMsMax = 3_650 * 86_400_000;

export type Parsed = { readonly ok: true; readonly value: number } | { readonly ok: false; readonly why: string };

/** "250ms", "30s", "15m", "1h30m", "7d" in milliseconds. */
export function parseDuration(text: string): Parsed {
  const wanted = 'write a number and a unit (ms, s, m, h, d), as in "30s", "15m" or "1h30m"';
  if (!/^(\d{1,12}(ms|s|m|h|d))+$/.test(text)) return { ok: false, why: `"${text}" is not a duration: ${wanted}` };
  let total = 0;
  let previousUnitMs = Infinity;
  for (const [, count, unit] of text.matchAll(/(\d+)(ms|s|m|h|d)/g)) {
    const unitMs = durationUnitMs[unit ?? ''] ?? NaN;
    if (!(unitMs < previousUnitMs))
      return { ok: false, why: `"${text}" is not a duration: the larger unit goes first, and each unit once` };
    previousUnitMs = unitMs;
    total += Number(count) * unitMs;
  }
  if (total > durationMsMax) return { ok: false, why: `"${text}" is longer than ten years` };
  return { ok: true, value: total };
}

/** "512B", "64KiB", "16MiB", "1GB" in bytes. */
export function parseSize(text: string): Parsed {
  const match = /^(\d{1,12})\s?(B|KiB|MiB|GiB|kB|MB|GB)$/.exec(text);
  if (match === null) {
    return { ok: false, why: `"${text}" is not a size: write a number and a unit (B, KiB, MiB, GiB, kB, MB, GB), as in "16MiB"` };
  }
  const bytes = Number(match[1]) * (sizeUnitBytes[match[2] ?? ''] ?? NaN);
  if (!Number.isSafeInteger(bytes)) return { ok: false, why: `"${text}" is too large` };
  return { ok: true, value: bytes };
}
