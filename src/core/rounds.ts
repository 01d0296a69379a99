// What is done every so often, or when something has ended, and only brings the store up to date. A store that takes nothing now (a full
// disk) must not end the gateway: nobody waits for the answer, and a fault that nobody hears ends the process.

/** The same work, which is left to the next round when it fails. */
export function inRounds(work: () => void): () => void {
  return () => {
    try {
      work();
    } catch {
      // The disk that is full is told by whoever writes the audit log to it.
    }
  };
}
