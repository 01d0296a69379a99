// How often something has changed, for those who may not use what they knew before.

/** Counts the changes of one catalogue, for everybody who judges by it. */
export interface ChangeCount {
  readonly now: number;
  raise(): void;
}

/** For one thread alone. */
export function ownCount(): ChangeCount {
  let now = 0;
  return {
    get now() {
      return now;
    },
    raise: () => void (now += 1),
  };
}
