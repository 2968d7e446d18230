/* The example on a host. */
#include "board.h"
#include <stdio.h>

void print(const char *text) { fputs(text, stdout); }
