/* api/resize.h - h and w of both resize operations. */
#pragma once

#include "api/request.h"

/* "height=H" and "width=W" for the monitor; both are required. */
int resize_words(const struct request *req, char height[32], char width[32], struct err *err);
