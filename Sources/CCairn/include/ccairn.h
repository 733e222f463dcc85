// C that Swift cannot import (variadic or macro system calls) and the boundary scan kernel.
#pragma once
int cairn_placeholder(void);
