/* What the example needs of the machine that it runs on: board.c on a microcontroller, host.c on a host. */
#ifndef BOARD_H
#define BOARD_H

void print(const char *text);

#endif
