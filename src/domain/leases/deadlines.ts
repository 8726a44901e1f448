/** What has a deadline. Owned by Deadlines: `slot` is where the item lies, −1 for in none. */
export interface DeadlineItem extends HeapItem {
  slot: number;
}

/** How much of the time one slot holds, in milliseconds. */
const slotMs = 1_000;

/**
 * The one timer structure of all leases. A renewal puts a deadline off, again and again, and hardly any comes near. So
 * deadlines lie in slots of one second, and one that is put off stays where it is: only when its slot's time comes is it
 * moved on, or into the heap that orders those of this second. A renewal costs the same among 100 runners and among
 * 130,000, while in one heap of all it would touch some ten entries that no cache of the processor holds.
 *
 * Time is handed in, is never negative, and only goes forward; a slot's deadlines are due in their order, to the millisecond.
 */
export class Deadlines<T extends DeadlineItem> {
  readonly #near = new DeadlineHeap<T>();
  /** By the number of the slot. Items that have moved or were taken out since lie there as well. */
  readonly #slots = new Map<number, T[]>();
  /** The first slot whose time has not come. */
  #next = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Puts an item in, or moves it when it is in already. */
  set(item: T, deadline: number): void {
    if (item.slot >= 0 && slotOf(deadline) >= item.slot) {
      item.deadline = deadline;
      return;
    }
    if (item.slot < 0 && item.heapIndex < 0) this.#size += 1;
    this.#put(item, deadline);
  }

  /** Takes an item out; nothing happens when it is not in. */
  remove(item: T): void {
    if (item.slot < 0 && item.heapIndex < 0) return;
    this.#size -= 1;
    item.slot = -1;
    this.#near.remove(item);
  }

  /** Takes out the earliest item if it is due, which a deadline is from its own instant on. */
  popDue(now: number): T | undefined {
    this.#comeTo(now);
    const due = this.#near.popDue(now);
    if (due !== undefined) this.#size -= 1;
    return due;
  }

  /** When to look again: the earliest deadline, or a moment before it at which nothing is due yet. */
  nextAt(): number {
    let next = this.#near.peek()?.deadline ?? Number.POSITIVE_INFINITY;
    for (const slot of this.#slots.keys()) next = Math.min(next, slot * slotMs);
    return next;
  }

  /** Slots whose time has come are dealt out. */
  #comeTo(now: number): void {
    const current = slotOf(now);
    if (current < this.#next) return;
    this.#next = current + 1;
    // A server that stood still has several to deal out; those that are put in meanwhile lie later than all of them.
    for (const [slot, items] of this.#slots) {
      if (slot > current) continue;
      this.#slots.delete(slot);
      for (const item of items) if (item.slot === slot) this.#put(item, item.deadline);
    }
  }

  /** Among those of this second, or into its slot. */
  #put(item: T, deadline: number): void {
    const slot = slotOf(deadline);
    if (slot < this.#next) {
      item.slot = -1;
      this.#near.set(item, deadline);
      return;
    }
    this.#near.remove(item);
    item.deadline = deadline;
    item.slot = slot;
    const items = this.#slots.get(slot);
    if (items === undefined) this.#slots.set(slot, [item]);
    else items.push(item);
  }
}

function slotOf(time: number): number {
  return Math.max(0, Math.floor(time / slotMs));
}

/** What a deadline heap orders. The heap owns `heapIndex`: −1 while the item is not in it. */
export interface HeapItem {
  /** Monotonic milliseconds. Changed through the heap only, while the item is in it. */
  deadline: number;
  heapIndex: number;
}

/**
 * A binary heap with the earliest deadline on top, whose items know their place, so that moving one costs O(log n) and no
 * search. One array slot an item.
 */
export class DeadlineHeap<T extends HeapItem> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** The item with the earliest deadline. */
  peek(): T | undefined {
    return this.#items[0];
  }

  /** Puts an item in, or moves it when it is in already. */
  set(item: T, deadline: number): void {
    const earlier = item.heapIndex >= 0 && deadline < item.deadline;
    item.deadline = deadline;
    if (item.heapIndex < 0) {
      this.#place(item, this.#items.length);
      this.#up(item);
    } else if (earlier) {
      this.#up(item);
    } else {
      this.#down(item);
    }
  }

  /** Takes an item out; nothing happens when it is not in. */
  remove(item: T): void {
    const at = item.heapIndex;
    if (at < 0) return;
    item.heapIndex = -1;
    const last = this.#items.pop();
    if (last === undefined || last === item) return;
    this.#place(last, at);
    this.#up(last);
    this.#down(last);
  }

  /** Takes out the earliest item if it is due, which a deadline is from its own instant on. */
  popDue(now: number): T | undefined {
    const top = this.#items[0];
    if (top === undefined || top.deadline > now) return undefined;
    this.remove(top);
    return top;
  }

  #place(item: T, at: number): void {
    this.#items[at] = item;
    item.heapIndex = at;
  }

  #up(item: T): void {
    let at = item.heapIndex;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = this.#items[above];
      if (parent === undefined || parent.deadline <= item.deadline) break;
      this.#place(parent, at);
      at = above;
    }
    this.#place(item, at);
  }

  #down(item: T): void {
    let at = item.heapIndex;
    for (;;) {
      const left = this.#items[2 * at + 1];
      const right = this.#items[2 * at + 2];
      const child =
        right !== undefined && left !== undefined && right.deadline < left.deadline ? right : left;
      if (child === undefined || child.deadline >= item.deadline) break;
      const below = child.heapIndex;
      this.#place(child, at);
      at = below;
    }
    this.#place(item, at);
  }
}
