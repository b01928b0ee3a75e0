"""What a power cut leaves of a folder: the changes that tests/lib/cut.c wrote down, replayed without those
that were not synced."""
import os


class Node:
    def __init__(self, kind, data=None):
        self.kind = kind      # "folder", "file", "link"
        self.data = data      # of a file: where its synced contents are, None: they are lost; a link's target
        self.names = {}       # of a folder: name -> Node
        self.synced = {}      # as it was when the folder was synced


class Disk:
    """folder as it is now counts as synced; its files are looked for in copy."""

    def __init__(self, folder, copy):
        self.folder, self.nodes = str(folder), {}
        self.root = self.read(self.folder, str(copy))
        self.lines = []

    def read(self, path, copy):
        info = os.lstat(path)
        if os.path.islink(path):
            node = Node("link", os.readlink(path))
        elif os.path.isdir(path):
            node = Node("folder")
            node.names = {n: self.read(f"{path}/{n}", f"{copy}/{n}") for n in os.listdir(path)}
            node.synced = dict(node.names)
        else:
            node = Node("file", copy)
        self.nodes[info.st_ino] = node
        return node

    def parent(self, path):
        node = self.root
        *folders, name = os.path.relpath(path, self.folder).split("/")
        for folder in folders:
            node = node.names[folder]
        return node, name

    def set_name(self, path, node):
        parent, name = self.parent(path)
        parent.names[name] = node

    def take_name(self, path):
        parent, name = self.parent(path)
        return parent.names.pop(name)

    def apply(self, operation, inode, words, saved, final):
        """One line of the log. final: inode -> path of what was never written again."""
        if operation in ("create", "unnamed", "mkdir", "symlink"):
            kind = {"mkdir": "folder", "symlink": "link"}.get(operation, "file")
            self.nodes[inode] = Node(kind, words[1] if kind == "link" else None)
        if operation in ("create", "mkdir", "symlink", "link"):
            self.set_name(words[0], self.nodes[inode])
        elif operation == "rename":
            self.set_name(words[1], self.take_name(words[0]))
        elif operation == "unlink":
            self.take_name(words[0])
        elif operation == "fsync":
            self.nodes[inode].data = f"{saved}/{words[0]}"
        elif operation == "fsyncdir" and inode in self.nodes:
            self.nodes[inode].synced = dict(self.nodes[inode].names)
        elif operation == "syncfs":
            self.sync_all(final)

    def sync_all(self, final):
        for inode, node in self.nodes.items():
            if node.kind == "folder":
                node.synced = dict(node.names)
            elif node.data is None:
                node.data = final.get(inode)

    def signature(self, node, ahead):
        if node.kind == "folder":
            names = node.names if ahead else node.synced
            return {n: self.signature(child, ahead) for n, child in sorted(names.items())}
        return node.data

    def leave(self, ahead, target, node=None):
        """Writes what is found after a cut. ahead: names got to the disk, the contents of files that were
        not synced did not; else: folders are as when they were synced."""
        node = node or self.root
        if node.kind == "link":
            os.symlink(node.data, target)
        elif node.kind == "folder":
            os.mkdir(target, 0o700)
            for name, child in (node.names if ahead else node.synced).items():
                self.leave(ahead, f"{target}/{name}", child)
        elif os.path.basename(target) == "unsynced" and node.data:
            with open(target, "w", encoding="ascii") as f:
                f.write("11111111-2222-3333-4444-555555555555")  # the machine was started anew since
        elif node.data:
            os.link(node.data, target)
        else:
            open(target, "wb").close()


def inodes(folder):
    found = {}
    for path, _, files in os.walk(folder):
        for name in files:
            found[os.lstat(f"{path}/{name}").st_ino] = f"{path}/{name}"
    return found


def read_log(path):
    """[(operation, inode, words)], and how many changes there were."""
    lines, changes = [], 0
    for line in path.read_text(errors="replace").splitlines():
        operation, inode, *words = line.split("\t")
        if operation == "changes":
            changes = max(changes, int(inode))
        else:
            lines.append((operation, int(inode), words))
    return lines, changes
