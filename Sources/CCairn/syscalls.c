#include "ccairn.h"
int cairn_placeholder(void) { return 0; }
