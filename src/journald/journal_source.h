/* journald/journal_source.h - a container's records in systemd's journal, as the monitor's driver journald
 * (state/journald.h) and Docker's write them. */
#pragma once

#include "stream/source.h"

extern const struct log_source log_source_journal;
