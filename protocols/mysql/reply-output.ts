// How the packets of one answer are numbered for the client, which may have got some of the gateway's own in front, or fewer than
// the target sent; and where they stop being forwarded. (Client/server protocol: "Sequence ID".)

export class ReplyOutput {
  #shift = 0;
  /** What the target counts next. */
  #next = 1;
  /** Client's number of the packet in the place of the first that is not forwarded; null while all are. */
  #silentFrom: number | null = null;
  #silencing = false;

  begin(shift: number, from: number): void {
    this.#shift = shift;
    this.#next = from;
    this.#silentFrom = null;
    this.#silencing = false;
  }

  continueFrom(sequence: number): void {
    this.#next = sequence;
  }

  get shift(): number {
    return this.#shift;
  }

  get nextSequence(): number {
    return this.#silentFrom ?? (this.#next + this.#shift) & 0xff;
  }

  get targetSequence(): number {
    return this.#next;
  }

  get isSilent(): boolean {
    return this.#silentFrom !== null;
  }

  silence(): void {
    this.#silencing = true;
  }

  /** Before a packet, not its continuation. True when it is the first that is not forwarded. `isDone`: too late for that. */
  silences(isBeyond: boolean, isDone: boolean): boolean {
    if (this.isSilent || isDone || !(this.#silencing || isBeyond)) return false;
    this.#silentFrom = this.nextSequence;
    return true;
  }

  /** True while packets leave with the numbers that the target has given them. */
  get passes(): boolean {
    return this.#shift === 0 && this.#silentFrom === null && !this.#silencing;
  }

  /** Packets that were not looked at, up to the one with this number. */
  passed(sequence: number): void {
    this.#next = (sequence + 1) & 0xff;
  }

  /** Numbers the packet whose header is at `at`. */
  number(bytes: Buffer, at: number): void {
    const sequence = bytes[at + 3] as number;
    this.#next = (sequence + 1) & 0xff;
    if (this.#shift !== 0) bytes[at + 3] = (sequence + this.#shift) & 0xff;
  }

  /** The packet numbered last is not forwarded. */
  drop(): void {
    this.#shift -= 1;
  }
}
