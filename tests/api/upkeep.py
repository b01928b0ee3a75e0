#!/usr/bin/python3
"""What a container's monitor does for it unasked: health checks.

usage: upkeep.py [REGEX]
"""
import urllib.parse

import suite
from cli_tools import docker
from engine import IMAGE
from suite import case, has, matches, same, until

MS = 10**6


def checked(e, command, *cmd, interval=20 * MS, **more):
    check = {"Test": ["CMD-SHELL", command], "Interval": interval, "Retries": 1}
    return e.run_detached(*(cmd or ("sleep", "600")), Healthcheck=check, **more)


def health(e, container):
    return e.state(container)["Health"]


def row(e, container):
    return next(x for x in e.get("/containers/json?all=1").json if x["Id"] == container)


@case("health checks: inspect, list, filter and events tell, before and after the API process was killed")
def _(e):
    container = checked(e, "echo $A $(pwd); test -e /good", Env=["A=b"], WorkingDir="/tmp")
    until(lambda: health(e, container)["Status"] == "unhealthy")
    has(row(e, container)["Status"], "(unhealthy)")
    e.kill_api()
    e.exec(container, "touch", "/good")
    until(lambda: health(e, container)["Status"] == "healthy")
    matches(row(e, container)["Status"], r"^Up .* \(healthy\)$")
    for value, found in (("healthy", [container]), ("unhealthy", []), ("none", [])):
        same([x["Id"] for x in e.get("/containers/json?filters=" + urllib.parse.quote(f'{{"health":["{value}"]}}')).json], found)
    until(lambda: len(health(e, container)["Log"]) == 5)
    last = health(e, container)["Log"][-1]
    same((last["ExitCode"], last["Output"]), (0, "b /tmp\n"))
    same([x["Action"] for x in e.events(0, container=container) if x["Action"].startswith("health")],
         ["health_status: unhealthy", "health_status: healthy"])
    e.post(f"/containers/{container}/kill").expect(204)
    until(lambda: e.state(container)["Status"] == "exited")
    same(health(e, container)["Status"], "unhealthy")
    matches(row(e, container)["Status"], r"^Exited \(137\) [^()]*$")


@case("the image's health check is inherited, changed in parts, and switched off")
def _(e):
    source = e.create("true")
    change = urllib.parse.quote('HEALTHCHECK --interval=20ms --retries=1 CMD ["test", "-e", "/good"]')
    image = e.post(f"/commit?container={source}&changes={change}").expect(201).json["Id"]
    own = e.run_detached("sleep", "600", Image=image)
    off = e.run_detached("sleep", "600", Image=image, Healthcheck={"Test": ["NONE"]})
    other = e.run_detached("sleep", "600", Image=image, Healthcheck={"Test": ["CMD", "true"]})
    until(lambda: health(e, own)["Status"] == "unhealthy")
    until(lambda: health(e, other)["Status"] == "healthy")
    same("Health" in e.state(off), False)


@case("docker run --health-cmd: ps and inspect show it, probes can be kept out of the events")
def _(e):
    docker(e, "run", "-d", "--name", "fine", "--health-cmd", "echo fine", "--health-interval", "20ms",
           "--health-start-period", "10s", "--health-start-interval", "20ms", "--label",
           "dayfly.health.events=false", IMAGE, "sleep", "600")
    until(lambda: docker(e, "ps", "--filter", "health=healthy", "--format", "{{.Names}}") == "fine")
    has(docker(e, "ps", "--format", "{{.Status}}"), "(healthy)")
    same(docker(e, "inspect", "-f", "{{.State.Health.Status}} {{(index .State.Health.Log 0).Output}}", "fine"),
         "healthy fine")
    same([x["Action"] for x in e.events(0, container="fine")], ["create", "start", "health_status: healthy"])


suite.main()
