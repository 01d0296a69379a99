// Every limit of policy files and of judging, each with its reason.

/** A policy file is written by people; a larger one is a mistake. */
export const policyFileBytesMax = 1 << 20;
/** Bounds the time of a reload. */
export const policyFilesMax = 200;
/** Judging is linear in the rules; 1,000 are judged in well under a millisecond. */
export const rulesMax = 10_000;
/** Entries of one list, and of one list under `lists`. */
export const listEntriesMax = 10_000;
/** One condition: what a reviewer can still read. */
export const conditionCharsMax = 4_000;
export const conditionNodesMax = 1_000;
export const conditionDepthMax = 64;
/** Name patterns; a longer one is no name. */
export const patternCharsMax = 256;
/** Characters of a template; a longer text matches none. */
export const templateTextMax = 8_192;
/** Characters in a place of a template that says nothing else. */
export const placeLengthDefault = 200;
/** Words for people at a terminal. */
export const messageCharsMax = 500;
/** More different people than this are never at hand. */
export const approvalsMax = 10;
export const expiresMinMs = 5_000;
export const expiresMaxMs = 7 * 24 * 3_600_000;
export const expiresDefaultMs = 15 * 60_000;
/** An open transaction holds locks while people think. */
export const expiresInTransactionDefaultMs = 60_000;
/** Distinct effects of one action. More are refused: rules × effects bounds the time of one decision. */
export const effectsMax = 4_096;
/** Problems reported of one load; the rest is counted. */
export const problemsMax = 200;

/** A limit on result rows above this limits nothing. */
export const resultRowsMax = 1_000_000_000;

/** A shape approved for longer than a day is a rule that should stand in the policies. */
export const shapeMsMax = 24 * 3_600_000;
export const shapeMsMin = 60_000;

/** Sets of approvers of one access rule that must all say yes. */
export const approverSetsMax = 5;
/** A request for access that nobody has answered by then is forgotten. */
export const accessWaitDefaultMs = 24 * 3_600_000;
/** Access that lasts longer than a month is no access for a while. */
export const accessLongestMaxMs = 31 * 24 * 3_600_000;
export const accessLongestMinMs = 60_000;
export const accessIdleMinMs = 60_000;
