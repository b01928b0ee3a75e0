// What the tests of every npm client share. DOCKER_HOST names the engine; busybox:latest is in it.
import { PassThrough } from "node:stream";

export const IMAGE = "busybox:latest";
export const socketPath = process.env.DOCKER_HOST.replace(/^unix:\/\//, "");

export async function text(stream) {
	const pieces = [];
	for await (const piece of stream) pieces.push(piece);
	return Buffer.concat(pieces).toString();
}

// Docker's multiplexed stream, taken apart by the client's own demuxer.
export async function demuxed(docker, stream) {
	const out = new PassThrough(), err = new PassThrough();
	docker.modem.demuxStream(stream, out, err);
	stream.on("end", () => { out.end(); err.end(); });
	stream.on("close", () => { out.end(); err.end(); });
	const [stdout, stderr] = await Promise.all([text(out), text(err)]);
	return { stdout, stderr };
}

export const progress = (docker, stream) =>
	new Promise((done, failed) => docker.modem.followProgress(stream, (error, lines) => (error ? failed(error) : done(lines))));
