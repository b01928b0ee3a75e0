// @devcontainers/cli, which IDEs share their logic with. usage: DOCKER_HOST=unix://… node --test-reporter=tap devcontainer.mjs
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { IMAGE } from "./world.mjs";

const cli = join(dirname(createRequire(import.meta.url).resolve("@devcontainers/cli/package.json")), "devcontainer.js");
const call = (program, args) => new Promise((done) =>
	execFile(program, args, { env: { ...process.env, DOCKER_BUILDKIT: "0" } }, (error, stdout, stderr) =>
		done({ code: error ? error.code : 0, stdout, stderr })));
const devcontainer = (...args) => call(process.execPath, [cli, ...args]);

function workspace(configuration, files = {}) {
	const folder = mkdtempSync(join(tmpdir(), "dev-"));
	chmodSync(folder, 0o755);
	mkdirSync(join(folder, ".devcontainer"));
	writeFileSync(join(folder, ".devcontainer/devcontainer.json"), JSON.stringify({ updateRemoteUserUID: false, ...configuration }));
	for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
	return folder;
}

async function up(folder, ...args) {
	const { stdout, stderr } = await devcontainer("up", "--workspace-folder", folder, ...args);
	const last = JSON.parse(stdout.trim().split("\n").at(-1));
	assert.equal(last.outcome, "success", stderr);
	return last;
}
const exec = (folder, ...command) => devcontainer("exec", "--workspace-folder", folder, ...command);

const runArgs = ["--network", "none", "--hostname", "devhost"];
const onImage = workspace({
	image: IMAGE, runArgs, remoteUser: "root", containerEnv: { CE: "ce" }, remoteEnv: { RE: "re" },
	onCreateCommand: "echo created >/created", postStartCommand: "echo started >>/started" }, { f: "of the host\n" });

after(async () => {
	const { stdout } = await call("docker", ["ps", "-aq", "--filter", "label=devcontainer.local_folder"]);
	for (const id of stdout.split("\n").filter(Boolean)) await call("docker", ["rm", "-fv", id]);
});

test("up on an image runs the commands of its life", async () => {
	await up(onImage);
	const { stdout } = await exec(onImage, "sh", "-c", "cat /created /started; hostname; echo $CE $RE");
	assert.equal(stdout, "created\nstarted\ndevhost\nce re\n");
});

test("exec runs in the workspace, whose files are the host's", async () => {
	assert.equal((await exec(onImage, "cat", "f")).stdout, "of the host\n");
	assert.equal((await exec(onImage, "sh", "-c", "echo made inside >made; exit 6")).code, 6);
	assert.equal(readFileSync(join(onImage, "made"), "utf8"), "made inside\n");
});

test("up again finds the container, also a stopped one", async () => {
	const { containerId } = await up(onImage);
	await call("docker", ["stop", "-t", "0", containerId]);
	assert.equal((await up(onImage)).containerId, containerId);
	assert.equal((await exec(onImage, "cat", "/started")).stdout, "started\nstarted\n");
});

test("up with --remove-existing-container makes a new one", async () => {
	const { containerId } = await up(onImage);
	assert.notEqual((await up(onImage, "--remove-existing-container")).containerId, containerId);
});

test("up on a Dockerfile builds it", async () => {
	const folder = workspace({ build: { dockerfile: "Dockerfile", args: { WHO: "me" } }, runArgs, remoteUser: "root" });
	writeFileSync(join(folder, ".devcontainer/Dockerfile"), `FROM ${IMAGE}\nARG WHO\nRUN echo $WHO >/who\n`);
	await up(folder, "--buildkit", "never");
	assert.equal((await exec(folder, "cat", "/who")).stdout, "me\n");
});
