// testcontainers, without its reaper. usage: DOCKER_HOST=unix://… node --test-reporter=tap testcontainers.mjs
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { GenericContainer, Wait } from "testcontainers";
import { IMAGE, text } from "./world.mjs";

const sleeper = () => new GenericContainer(IMAGE)
	.withNetworkMode("none")
	.withCommand(["sh", "-c", "trap 'exit 0' TERM; echo up; while :; do sleep 0.1; done"])
	.withWaitStrategy(Wait.forLogMessage("up"));
const folder = () => mkdtempSync(join(tmpdir(), "tc-"));

async function using(builder, use) {
	const container = await builder.start();
	try {
		return await use(container);
	} finally {
		await container.stop({ timeout: 0 });
	}
}
const sh = (container, command, options) => container.exec(["sh", "-c", command], options);

test("exec: output, error output, exit code", () => using(sleeper(), async (c) => {
	const { exitCode, stdout, stderr } = await sh(c, "echo out; echo err >&2; exit 3");
	assert.deepEqual([exitCode, stdout, stderr], [3, "out\n", "err\n"]);
}));

test("exec: folder, user, environment", () => using(sleeper(), async (c) =>
	assert.equal((await sh(c, "pwd; id -u; echo $A", { workingDir: "/tmp", user: "77", env: { A: "b" } })).stdout, "/tmp\n77\nb\n")));

test("wait for a log message, told by a regular expression, twice", () => using(
	sleeper().withCommand(["sh", "-c", "for i in 1 2 3; do echo tick $i; sleep 0.1; done; sleep 60"])
		.withWaitStrategy(Wait.forLogMessage(/tick \d/, 2)), async () => {}));

test("wait for a command to succeed", () => using(
	sleeper().withCommand(["sh", "-c", "sleep 0.3; touch /ready; sleep 60"])
		.withWaitStrategy(Wait.forSuccessfulCommand("test -e /ready")), async () => {}));

test("wait for a container that runs once", async () => {
	const container = await sleeper().withCommand(["true"]).withWaitStrategy(Wait.forOneShotStartup()).start();
	await container.stop();
});

test("a start that never gets ready fails in time, and leaves nothing", () =>
	assert.rejects(sleeper().withWaitStrategy(Wait.forLogMessage("never")).withStartupTimeout(500).start()));

test("an image nobody has is an error", () => assert.rejects(new GenericContainer("127.0.0.1:1/no/such:image").start()));

test("logs are a stream", () => using(sleeper(), async (c) => {
	const alive = setInterval(() => {}, 1000); // this client lets the program end while it reads
	const stream = await c.logs();
	assert.match(String(await new Promise((got) => stream.once("data", got))), /up/);
	stream.destroy();
	clearInterval(alive);
}));

test("environment, labels, user, folder, entrypoint, hostname", () => using(
	sleeper().withEntrypoint(["sh", "-c", "echo up; sleep 60"]).withEnvironment({ K: "v w" }).withLabels({ team: "x" })
		.withUser("5:6").withWorkingDir("/tmp").withHostname("named"), async (c) => {
		assert.equal((await sh(c, "echo $K; id -u; pwd; hostname")).stdout, "v w\n5\n/tmp\nnamed\n");
		assert.equal(c.getLabels().team, "x");
	}));

test("limits of files and shared memory, capabilities, hosts, tmpfs", () => using(
	sleeper().withUlimits({ nofile: { hard: 500, soft: 400 } }).withSharedMemorySize(16 << 20)
		.withDroppedCapabilities("ALL").withAddedCapabilities("CHOWN")
		.withExtraHosts([{ host: "zed", ipAddress: "10.11.12.13" }]).withTmpFs({ "/scratch": "rw,size=1m" }), async (c) => {
		assert.equal((await sh(c, "ulimit -n; df -k /dev/shm | tail -n 1 | tr -s ' ' | cut -d' ' -f2")).stdout, "400\n16384\n");
		const { stdout } = await sh(c, "grep CapEff /proc/self/status; cat /etc/hosts; grep /scratch /proc/mounts");
		assert.match(stdout, /CapEff:\s0{15}1\n[^]*10\.11\.12\.13\szed[^]*size=1024k/);
	}));

test("a folder of the host", () => {
	const source = folder();
	writeFileSync(join(source, "f"), "bound");
	return using(sleeper().withBindMounts([{ source, target: "/bound", mode: "ro" }]), async (c) =>
		assert.equal((await sh(c, "cat /bound/f; touch /bound/x || echo no")).stdout, "boundno\n"));
});

test("copies in before the start and while it runs, and out", () => {
	const source = folder();
	mkdirSync(join(source, "sub"));
	writeFileSync(join(source, "sub/deep"), "deep");
	writeFileSync(join(source, "one"), "single");
	return using(sleeper().withCopyContentToContainer([{ content: "hello", target: "/opt/x/c.txt", mode: 0o640 }])
		.withCopyFilesToContainer([{ source: join(source, "one"), target: "/opt/one" }])
		.withCopyDirectoriesToContainer([{ source, target: "/opt/dir" }]), async (c) => {
		await c.copyContentToContainer([{ content: "late", target: "/late" }]);
		assert.equal((await sh(c, "cat /opt/x/c.txt /opt/one /opt/dir/sub/deep /late; stat -c %a /opt/x/c.txt")).stdout, "hellosingledeeplate640\n");
		assert.match(await text(await c.copyArchiveFromContainer("/etc/hosts")), /^hosts\0[^]*localhost/);
	});
});

test("wait for the health check", () => using(sleeper()
	.withHealthCheck({ test: ["CMD-SHELL", "test -e /proc/1"], interval: 100, timeout: 5000, retries: 3, startPeriod: 0 })
	.withWaitStrategy(Wait.forHealthCheck()), async () => {}));

test("restart keeps the container", () => using(sleeper(), async (c) => {
	const id = c.getId();
	await sh(c, "touch /kept");
	await c.restart({ timeout: 1 });
	assert.equal(c.getId(), id);
	assert.equal((await sh(c, "ls /kept")).stdout, "/kept\n");
}));

test("reuse finds the container that runs", async () => {
	process.env.TESTCONTAINERS_REUSE_ENABLE = "true";
	const again = () => sleeper().withLabels({ re: "use" }).withReuse().start();
	const first = await again(), second = await again();
	assert.equal(first.getId(), second.getId());
	await first.stop({ timeout: 0 });
});

test("an image built from a Dockerfile, and one that does not build", async () => {
	const context = folder();
	writeFileSync(join(context, "Dockerfile"), `FROM ${IMAGE}\nARG W=none\nRUN echo $W >/w\n`);
	const built = await GenericContainer.fromDockerfile(context).withBuildArgs({ W: "arg" }).build("tc-built:1", { deleteOnExit: false });
	await using(built.withNetworkMode("none").withCommand(["sleep", "60"]).withWaitStrategy(Wait.forSuccessfulCommand("true")), async (c) =>
		assert.equal((await sh(c, "cat /w")).stdout, "arg\n"));
	writeFileSync(join(context, "Dockerfile"), `FROM ${IMAGE}\nRUN exit 4\n`);
	await assert.rejects(GenericContainer.fromDockerfile(context).build("tc-bad:1", { deleteOnExit: false }));
});

test("five in parallel", async () => {
	const all = await Promise.all(Array.from({ length: 5 }, () => sleeper().start()));
	const said = await Promise.all(all.map((c, i) => c.exec(["echo", String(i)])));
	assert.deepEqual(said.map(({ stdout }) => stdout), ["0\n", "1\n", "2\n", "3\n", "4\n"]);
	await Promise.all(all.map((c) => c.stop({ timeout: 0 })));
});
