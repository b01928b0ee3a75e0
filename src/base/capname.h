/* base/capname.h - capabilities by the names that clients and runtimes use. */
#pragma once

/* "CAP_CHOWN" for 0 and so on; NULL for one we do not know. */
const char *cap_name(unsigned number);
