/* base/log.h - one line to stderr for the journal, with a syslog priority in front when stderr is a
 * journal stream (JOURNAL_STREAM). Only programs (main, the HTTP edge, event loops) log. */
#pragma once

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...)
	__attribute__((format(printf, 1, 2))); /* only with DAYFLY_DEBUG */
