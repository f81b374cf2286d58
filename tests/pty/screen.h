/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The real program on a pseudo-terminal, its screen read by libvterm.
 */
#ifndef TEST_PTY_SCREEN_H
#define TEST_PTY_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <termios.h>
#include <vterm.h>

#include "base/base.h"

struct screen {
    pid_t leader, child; /* of the session, as a shell is; the program */
    int master, report;
    VTerm *vterm;
    VTermScreen *cells;
    bool alternate, cursor_hidden, mouse; /* as the program has set them */
    struct termios before;                /* of the terminal, ahead of the program */
    char dir[64];                         /* HOME and XDG_STATE_HOME of the program; removed at the end */
    char osc[512];                        /* the last operating system command (clipboard) */
    struct sc_str raw;                    /* all that the program has written */
    bool beyond_ascii, ended;
};
/* Starts `stagecut ARGS…` on a terminal of that size. `environment` is NAME=VALUE strings ended by NULL, or NULL; TERM
 * is xterm-256color and LC_ALL C.UTF-8 when it does not say otherwise. Fails the test when it cannot. */
void screen_open(struct screen *s, int width, int height, const char *const *arguments, const char *const *environment);
void screen_close(struct screen *s); /* kills what still runs */

/* Reads until `text` is on the screen; false after `seconds` without it, or when the program has ended. */
bool screen_wait(struct screen *s, const char *text, double seconds);
bool screen_wait_gone(struct screen *s, const char *text, double seconds);
void screen_read(struct screen *s, double seconds); /* whatever comes in that time */
bool screen_has(struct screen *s, const char *text);
void screen_type(struct screen *s, const char *keys);
void screen_resize(struct screen *s, int width, int height);
/* Waits until it ends; its wait status, -1 when it does not end within `seconds`. */
int screen_end(struct screen *s, double seconds);
bool screen_stopped(struct screen *s, double seconds); /* by job control */
bool screen_restored(struct screen *s);                /* main screen, cursor, no mouse, the settings from before */
void screen_print(struct screen *s);                   /* to standard error: for a failing test */

#endif
