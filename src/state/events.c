#include "state/events.h"
