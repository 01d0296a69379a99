// Every bound of the agent link, with its reason. Both ends keep to them, and each end closes the link when the other does not.

/** One WebSocket message. Larger ones are refused before they are read. */
export const frameBytesMax = 64 * 1024 + 16;

/** Data in one frame: small enough that other streams get their turn often, large enough that the header costs nothing. */
export const dataBytesMax = 32 * 1024;

/** Streams of one link that are open, opening, or closed by one end only. Each target session is one. */
export const streamsMax = 1024;

/** What a stream may send before the other end has read any: with all streams stalled, 64 MiB for a link. */
export const windowBytesInitial = 64 * 1024;

/** A stream that is read quickly grows to this: 320 Mbit/s at 100 ms. */
export const windowBytesMax = 4 * 1024 * 1024;

/** What all streams of a link together may have beyond their initial windows: bounds the memory of a link. */
export const windowGrowthBytesMax = 64 * 1024 * 1024;

/** No end grants more; a larger sum is an overflow or an attack. */
export const creditBytesMax = 64 * 1024 * 1024;

/** A window that is used up half within this time (or within one round trip) grows. */
export const windowGrowsWithinMs = 5;

/** Control frames (answers, credit, pings) that wait to be sent. An end that doesn't read gets no more answers: the link closes. */
export const controlBytesMax = 1024 * 1024;

/** Late frames of streams that are over are normal (they crossed on the way), this many for each stream that was opened. */
export const strayFramesPerStream = 8;
export const strayFramesInitial = 64;

/** A stream that one end gave up has to be given up by the other by then. */
export const resetAnswerMs = 30_000;

/** Silence for one interval brings a ping; the link is dead after `deadAfterMs` without a single byte. */
export const pingIntervalMs = 3_000;
export const deadAfterMs = 9_000;
/** Pings of one end that the other has not answered. */
export const pingsUnansweredMax = 8;

/** From the WebSocket to the welcome. */
export const handshakeMs = 10_000;
export const handshakeBytesMax = 16 * 1024;

/** Opening a stream: the agent's own dialling, and the answer on its way. */
export const openMs = 10_000;

export const openRequestBytesMax = 1024;
export const reasonBytesMax = 512;
