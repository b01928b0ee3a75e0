#include "state/logfile.h"
