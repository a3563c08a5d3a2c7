declare module 'fs-native-extensions' {
  /** Takes an exclusive open file description lock; false when another description holds one. */
  export function tryLock(fd: number): boolean;
}
