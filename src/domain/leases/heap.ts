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
