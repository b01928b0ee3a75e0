"""What tests of images share: archives made here, and a look into the store."""
import hashlib
import io
import json
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


def worker(e, *words):
    return subprocess.run([PROGRAMS / "dayfly-worker", *words], env=e.environment(),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


def complain_about_store(e):
    """What is wrong in the image store: every blob is what its name says, every entry complete."""
    root, wrong = store(e), []
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


def leftovers(e):
    return [p.name for p in (store(e) / "layers").iterdir() if p.name.startswith(".tmp-")]
