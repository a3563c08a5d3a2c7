export const README_FILE = 'README.txt';

/** The text for people who find the drive. No program reads it, so they may change or remove it. */
export function readmeText(tool: { readonly name: string; readonly version: string }): string {
  return `This is an archive of btrfs snapshots, made by ${tool.name} ${tool.version}.

btrfs is a filesystem of Linux, and a snapshot is all that one directory tree
held at one moment. Each directory in streams/ holds one snapshot, as a stream
that btrfs has sent, compressed with zstd:

    <name>.<id>.full          a whole snapshot
    <name>.<id>.from-<id>     what changed since another one; this needs the
                              snapshot with that <id> restored first

You need no ${tool.name} to get the snapshots back. You need Linux, root, a mounted
btrfs with enough room, and the programs btrfs (package btrfs-progs), zstd and
sha256sum. Begin with a directory that ends in .full, and go on with the one
that builds on it. Make an empty directory for each, since several snapshots
may have the same name, and tell the shell where things are:

    STREAM=/path/of/this/archive/streams/directory
    TO=/path/of/an/empty/directory/on/the/btrfs

Then give these four commands:

    cd "$STREAM"
    sha256sum -c SHA256SUMS
    cat *.btrfs.zst | zstd -d | btrfs receive "$TO"
    btrfs subvolume show "$TO"/*

The second one must say OK of each file. The last one must show "readonly", and
a "Received UUID" that begins with the first <id> in the name of the stream's
directory. Otherwise the snapshot is not whole, whatever the third one said:
remove it with "btrfs subvolume delete", and try another copy of this archive.
All of them go into one btrfs: the next one is made from those before it.

${tool.name} does all of this, checks more, and adds new snapshots. It is a package
for Node.js of that name, and version ${tool.version} has written this. Its page
docs/format.md describes every byte of an archive.
`;
}
