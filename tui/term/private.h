/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to term/: what a kind of terminal is made of.
 */
#ifndef TUI_TERM_PRIVATE_H
#define TUI_TERM_PRIVATE_H

#include "term/term.h"

struct tui_term_ops {
    void (*close)(struct tui_term *term);
    void (*size)(struct tui_term *term, int *width, int *height);
    void (*show)(struct tui_term *term, const struct tui_grid *grid);
    int (*fd)(const struct tui_term *term);
    int (*key)(struct tui_term *term);
    void (*redraw)(struct tui_term *term);
    void (*suspend)(struct tui_term *term);
    void (*resume)(struct tui_term *term, bool resized);
    void (*copy)(struct tui_term *term, const char *text);
    void (*mouse)(struct tui_term *term, bool on);
    void (*theme)(struct tui_term *term, const struct tui_theme *theme);
};
struct tui_term {
    const struct tui_term_ops *ops;
    struct tui_mouse mouse; /* the last event */
};

/* restore.c: remember how the terminal was, and put it back from a signal handler. */
bool tui_restore_arm(void);              /* false: standard input is no terminal */
void tui_restore_set(const char *bytes); /* what is written to put the screen back */
void tui_restore_hold(bool hold);        /* while it is given back on purpose there is nothing to restore */
void tui_restore_disarm(void);

#endif
