// dockerode, the client of most JavaScript tools. usage: DOCKER_HOST=unix://… node --test-reporter=tap dockerode.mjs
import assert from "node:assert/strict";
import { createReadStream, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import Docker from "dockerode";
import { IMAGE, demuxed, progress, socketPath, text } from "./world.mjs";

const docker = new Docker({ socketPath });
const sleeper = ["sh", "-c", "trap 'exit 0' TERM; echo up; while :; do sleep 0.1; done"];

// A running container for one test; it is gone afterwards, whatever happened.
async function using(options, use) {
	const container = await docker.createContainer({ Image: IMAGE, Cmd: sleeper, ...options });
	try {
		await container.start();
		return await use(container);
	} finally {
		await container.remove({ force: true, v: true });
	}
}

async function run(container, Cmd, options = {}) {
	const exec = await container.exec({ Cmd, AttachStdout: true, AttachStderr: true, ...options });
	const output = await demuxed(docker, await exec.start({ hijack: true, stdin: false }));
	return { ...output, code: (await exec.inspect()).ExitCode };
}

const refused = (status) => (error) => error.statusCode === status;

test("ping, version and info", async () => {
	assert.equal(String(await docker.ping()), "OK");
	assert.equal((await docker.version()).Os, "linux");
	assert.equal((await docker.info()).OSType, "linux");
});

test("run: output and exit status", async () => {
	const out = new PassThrough(), err = new PassThrough();
	const [result, container] = await docker.run(IMAGE, ["sh", "-c", "echo out; echo err >&2; exit 3"], [out, err], { Tty: false });
	await container.remove();
	out.end();
	err.end();
	assert.deepEqual([result.StatusCode, await text(out), await text(err)], [3, "out\n", "err\n"]);
});

test("create, inspect, list, rename, stop, remove", async () => {
	const container = await docker.createContainer({
		Image: IMAGE, name: "rode", Cmd: sleeper, Env: ["A=b"], Labels: { team: "x" }, WorkingDir: "/tmp" });
	await container.start();
	const found = await docker.listContainers({ filters: { label: ["team=x"] } });
	assert.deepEqual(found.map((c) => [c.Id, c.Names, c.State]), [[container.id, ["/rode"], "running"]]);
	await container.rename({ name: "rode2" });
	assert.equal((await docker.getContainer("rode2").inspect()).Config.WorkingDir, "/tmp");
	await container.stop({ t: 5 });
	assert.equal((await container.inspect()).State.ExitCode, 0);
	await container.remove();
	await assert.rejects(container.inspect(), refused(404));
});

test("attach before the start: stdin, half-close, output", async () => {
	const container = await docker.createContainer({
		Image: IMAGE, Cmd: ["sh", "-c", "cat; echo end >&2"], OpenStdin: true, StdinOnce: true,
		AttachStdin: true, AttachStdout: true, AttachStderr: true });
	const stream = await container.attach({ stream: true, stdin: true, stdout: true, stderr: true, hijack: true });
	const output = demuxed(docker, stream);
	await container.start();
	stream.end("through the wire\n");
	assert.deepEqual(await output, { stdout: "through the wire\n", stderr: "end\n" });
	assert.equal((await container.wait()).StatusCode, 0);
	await container.remove();
});

test("wait for removal, asked before the start", async () => {
	const container = await docker.createContainer({ Image: IMAGE, Cmd: ["sh", "-c", "exit 7"], HostConfig: { AutoRemove: true } });
	const ended = container.wait({ condition: "removed" });
	await container.start();
	assert.equal((await ended).StatusCode, 7);
});

test("exec: streams, status, user, environment, stdin", () => using({}, async (container) => {
	assert.deepEqual(await run(container, ["sh", "-c", "echo out; echo err >&2; exit 4"]), { stdout: "out\n", stderr: "err\n", code: 4 });
	assert.equal((await run(container, ["sh", "-c", "id -u; pwd; echo $A"], { User: "5", WorkingDir: "/tmp", Env: ["A=b"] })).stdout, "5\n/tmp\nb\n");
	const exec = await container.exec({ Cmd: ["cat"], AttachStdin: true, AttachStdout: true });
	const stream = await exec.start({ hijack: true, stdin: true });
	const output = demuxed(docker, stream);
	stream.end("round\n");
	assert.equal((await output).stdout, "round\n");
}));

test("a terminal: one stream, its size", () => using({ Tty: true }, async (container) => {
	await container.resize({ h: 40, w: 100 });
	const exec = await container.exec({ Cmd: ["sh", "-c", "test -t 1 && echo tty"], AttachStdout: true, Tty: true });
	const stream = await exec.start({ Tty: true, hijack: true });
	assert.equal(await text(stream), "tty\r\n");
}));

test("logs: all at once, and followed to the end", async () => {
	const container = await docker.createContainer({ Image: IMAGE, Cmd: ["sh", "-c", "echo one; sleep 0.3; echo two"] });
	await container.start();
	const stream = await container.logs({ follow: true, stdout: true, stderr: true });
	assert.equal((await demuxed(docker, stream)).stdout, "one\ntwo\n");
	assert.match((await container.logs({ stdout: true })).toString(), /one\n[^]*two\n$/);
	await container.remove();
});

test("events tell the life of a container", async () => {
	const since = Math.floor(Date.now() / 1000);
	const { id } = await using({}, async (container) => container);
	const until = Math.floor(Date.now() / 1000) + 1;
	const lines = await text(await docker.getEvents({ since, until, filters: { container: [id], type: ["container"] } }));
	const actions = lines.trim().split("\n").map((line) => JSON.parse(line).Action);
	assert.deepEqual(actions, ["create", "start", "kill", "die", "destroy"]);
});

test("images: list, inspect, tag, history, remove", async () => {
	const image = docker.getImage(IMAGE);
	const { Id } = await image.inspect();
	assert.ok((await docker.listImages()).some((i) => i.Id === Id));
	await image.tag({ repo: "rode", tag: "1" });
	assert.equal((await docker.getImage("rode:1").inspect()).Id, Id);
	assert.equal((await image.history())[0].Id, Id);
	assert.deepEqual(await docker.getImage("rode:1").remove(), [{ Untagged: "rode:1" }]);
	await assert.rejects(docker.getImage("rode:1").inspect(), refused(404));
});

test("save and load give the same image", async () => {
	const { Id } = await docker.getImage(IMAGE).inspect();
	const file = join(mkdtempSync(join(tmpdir(), "rode-")), "image.tar");
	const pieces = [];
	for await (const piece of await docker.getImage(IMAGE).get()) pieces.push(piece);
	writeFileSync(file, Buffer.concat(pieces));
	await progress(docker, await docker.loadImage(createReadStream(file)));
	assert.equal((await docker.getImage(IMAGE).inspect()).Id, Id);
});

test("build from a folder, and a step that fails", async () => {
	const context = mkdtempSync(join(tmpdir(), "rode-"));
	writeFileSync(join(context, "Dockerfile"), `FROM ${IMAGE}\nARG W=none\nRUN echo $W >/w\nCOPY f /f\n`);
	writeFileSync(join(context, "f"), "copied");
	const lines = await progress(docker, await docker.buildImage({ context, src: ["Dockerfile", "f"] }, { t: "rode:built", buildargs: { W: "arg" } }));
	assert.ok(lines.some((line) => line.aux?.ID));
	await using({ Image: "rode:built" }, async (container) =>
		assert.equal((await run(container, ["cat", "/w", "/f"])).stdout, "arg\ncopied"));
	await docker.getImage("rode:built").remove({ force: true });
	writeFileSync(join(context, "Dockerfile"), `FROM ${IMAGE}\nRUN exit 4\n`);
	const failed = await progress(docker, await docker.buildImage({ context, src: ["Dockerfile"] }, {}));
	assert.equal(failed.at(-1).errorDetail.code, 4);
});

test("commit makes an image of what a container changed", () => using({}, async (container) => {
	await run(container, ["sh", "-c", "echo saved >/saved"]);
	const { Id } = await container.commit({ repo: "rode", tag: "kept" });
	assert.ok((await container.changes()).some((change) => change.Path === "/saved" && change.Kind === 1));
	await using({ Image: Id }, async (other) => assert.equal((await run(other, ["cat", "/saved"])).stdout, "saved\n"));
	await docker.getImage("rode:kept").remove();
}));

test("errors have their status", async () => {
	await assert.rejects(docker.createContainer({ Image: "no/such:image" }), refused(404));
	await assert.rejects(docker.getContainer("nosuch").start(), refused(404));
	await assert.rejects(docker.createContainer({ Image: IMAGE, name: "?" }), refused(400));
	await using({ name: "twice" }, () => assert.rejects(docker.createContainer({ Image: IMAGE, name: "twice" }), refused(409)));
});

test("twenty containers at once", async () => {
	const codes = await Promise.all(Array.from({ length: 20 }, async (_, i) => {
		const container = await docker.createContainer({ Image: IMAGE, Cmd: ["sh", "-c", `exit ${i}`] });
		await container.start();
		const { StatusCode } = await container.wait();
		await container.remove();
		return StatusCode;
	}));
	assert.deepEqual(codes, Array.from({ length: 20 }, (_, i) => i));
});
