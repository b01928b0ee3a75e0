/* state/journald.h - what the monitor and the reader of logs in systemd's journal agree on. The names of
 * the fields are those of Docker's journald driver, which people filter by.
 *
 * Each run of a container that logs to the journal is an epoch, and its entries are numbered. journald
 * takes entries in its own time, so at the end of a run the monitor leaves the number of the last one in
 * data/containers/ID/journal: whoever reads then knows what to wait for. */
#pragma once

#define JOURNALD_SOCKET "/run/systemd/journal/socket"
/* For tests, and for an engine whose journald is elsewhere: in the environment of dayfly. */
#define JOURNALD_SOCKET_ENV "DAYFLY_JOURNAL_SOCKET" /* the monitor's */
#define JOURNALD_FOLDER_ENV "DAYFLY_JOURNAL_FOLDER" /* the reader's: the journal's files */

#define JOURNALD_ID        "CONTAINER_ID_FULL"
#define JOURNALD_EPOCH     "CONTAINER_LOG_EPOCH"
#define JOURNALD_ORDINAL   "CONTAINER_LOG_ORDINAL"
#define JOURNALD_PARTIAL   "CONTAINER_PARTIAL_MESSAGE" /* "true": no newline followed */
#define JOURNALD_TIMESTAMP "SYSLOG_TIMESTAMP"          /* RFC 3339, to the nanosecond */

#define JOURNALD_END_FILE "journal" /* EPOCH ' ' ORDINAL '\n' */
#define JOURNALD_END_MAX  128
