/* monitor/pause.h - freezing the container. */
#pragma once

struct monitor;

/* A paused container that is to end has to run for it: lets it go on, with the record and event of an
 * unpause. The caller says which state follows. Nothing happens if it is not paused. */
void pause_lift(struct monitor *m);
