"""What tests of images share: archives made here, and a look into the store."""
import hashlib
import io
import json
import os
import socket
import subprocess
import tarfile

from engine import PROGRAMS, make_image


def store(e):
    return e.data / "dayfly"


def tar_of(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files.items():
            make_image.add(tar, name, data)
    return out.getvalue()


def worker(e, *words, **environment):
    return subprocess.run([PROGRAMS / "dayfly-worker", *words], env=e.environment() | environment,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


def start_worker(e, *words, stdin=subprocess.PIPE, **environment):
    """A job as the switchboard starts it: (process, control socket)."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def give_control():
        os.dup2(theirs.fileno(), 3, inheritable=True)
    process = subprocess.Popen([PROGRAMS / "dayfly-worker", *words], env=e.environment() | environment,
                               stdin=stdin, stderr=subprocess.PIPE, close_fds=False, preexec_fn=give_control)
    theirs.close()
    return process, ours


def complain_about_store(root):
    """What is wrong in the image store: every blob is what its name says, every entry complete."""
    wrong = []
    for blob in (root / "oci/blobs/sha256").iterdir():
        if hashlib.sha256(blob.read_bytes()).hexdigest() != blob.name:
            wrong.append(f"blob {blob.name} has other contents")
    for entry in json.loads((root / "oci/index.json").read_text())["manifests"]:
        manifest = json.loads((root / "oci/blobs/sha256" / entry["digest"][7:]).read_text())
        config = json.loads((root / "oci/blobs/sha256" / manifest["config"]["digest"][7:]).read_text())
        for layer in manifest["layers"]:
            if not (root / "oci/blobs/sha256" / layer["digest"][7:]).exists():
                wrong.append(f"{layer['digest']} is missing")
        for diff_id in config["rootfs"]["diff_ids"]:
            if not (root / "layers" / diff_id[7:] / "diff").exists():
                wrong.append(f"layer {diff_id} is missing")
    return wrong


def unreferenced(root):
    """Blobs and layers of no image."""
    blobs = {p.name for p in (root / "oci/blobs/sha256").iterdir()}
    layers = {p.name for p in (root / "layers").iterdir()}
    for entry in json.loads((root / "oci/index.json").read_text())["manifests"]:
        manifest = json.loads((root / "oci/blobs/sha256" / entry["digest"][7:]).read_text())
        config = json.loads((root / "oci/blobs/sha256" / manifest["config"]["digest"][7:]).read_text())
        blobs -= {entry["digest"][7:]} | {x["digest"][7:] for x in [manifest["config"], *manifest["layers"]]}
        layers -= {d[7:] for d in config["rootfs"]["diff_ids"]}
    return sorted(blobs | layers)


def leftovers(e):
    return [p.name for p in (store(e) / "layers").iterdir() if p.name.startswith(".tmp-")]
