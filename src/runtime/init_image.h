/* runtime/init_image.h - dayfly-init (src/init), carried inside the monitor. */
#pragma once

extern const char init_image[], init_image_end[];
