/** Sets of names. Sets can be joined, but not split. */
export class DisjointSets {
  readonly #above = new Map<string, string>();

  /** The representative of the set that holds a name. */
  find(name: string): string {
    let root = name;
    for (let next = this.#above.get(root); next !== undefined; next = this.#above.get(root)) {
      root = next;
    }
    for (let at = name; at !== root; ) {
      const next = this.#above.get(at) as string;
      this.#above.set(at, root);
      at = next;
    }
    return root;
  }

  join(a: string, b: string): void {
    const [left, right] = [this.find(a), this.find(b)];
    if (left !== right) this.#above.set(left, right);
  }
}
