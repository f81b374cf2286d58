/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * term: where a grid is shown and keys come from. One is ncurses on the real terminal, one is memory for scripts and
 * tests. Nothing above knows which.
 */
#ifndef TUI_TERM_TERM_H
#define TUI_TERM_TERM_H

#include "draw/grid.h"
#include "draw/theme.h"

/* Keys are code points; control keys are 1 … 26; these are the rest. */
enum tui_key {
    TUI_KEY_NONE = 0,
    TUI_KEY_TAB = 9,
    TUI_KEY_ENTER = 13,
    TUI_KEY_ESCAPE = 27,
    TUI_KEY_BACKSPACE = 127,
    TUI_KEY_UP = 0x200000,
    TUI_KEY_DOWN,
    TUI_KEY_LEFT,
    TUI_KEY_RIGHT,
    TUI_KEY_HOME,
    TUI_KEY_END,
    TUI_KEY_PAGE_UP,
    TUI_KEY_PAGE_DOWN,
    TUI_KEY_BACK_TAB,
    TUI_KEY_DELETE,
    TUI_KEY_F1,
    TUI_KEY_RESIZE,
    TUI_KEY_MOUSE, /* see tui_term_mouse_event */
    TUI_KEY_EOF,   /* the terminal is gone */
    TUI_KEY_OTHER
};
/* "Ctrl-D", "PgUp", "F1", "x"; and back (0 when unknown). */
void tui_key_name(int key, char *out, size_t size);
int tui_key_find(const char *name);

enum tui_colour { TUI_COLOUR_AUTO, TUI_COLOUR_NEVER, TUI_COLOUR_ALWAYS };
struct tui_term_options {
    enum tui_colour colour;
    const struct tui_theme *theme; /* NULL: the default, or mono without colours */
};

struct tui_term;
/* Takes the terminal over: alternate screen, raw keys. It is given back by tui_term_free, and by crash handlers. */
struct tui_term *tui_term_curses(const struct tui_term_options *options, struct sc_error *err);
struct tui_term *tui_term_memory(int width, int height);
void tui_term_free(struct tui_term *term); /* NULL is allowed */
void tui_term_size(struct tui_term *term, int *width, int *height);
void tui_term_show(struct tui_term *term, const struct tui_grid *grid);
int tui_term_fd(const struct tui_term *term);                /* to poll; -1: none */
int tui_term_key(struct tui_term *term);                     /* TUI_KEY_NONE when none waits */
void tui_term_redraw(struct tui_term *term);                 /* all of it, at the next show */
void tui_term_suspend(struct tui_term *term);                /* Ctrl-Z; returns when resumed */
void tui_term_resume(struct tui_term *term, bool resized);   /* after these signals */
void tui_term_copy(struct tui_term *term, const char *text); /* to the clipboard, by OSC 52 */
void tui_term_theme(struct tui_term *term, const struct tui_theme *theme);
void tui_term_mouse(struct tui_term *term, bool on); /* off at first, so that selecting text works */
struct tui_mouse {
    int x, y;
    int wheel; /* lines: negative is up; 0: the left button was pressed */
};
struct tui_mouse tui_term_mouse_event(const struct tui_term *term); /* of the last TUI_KEY_MOUSE */
/* Memory only: the screen as last shown, the next keys, another size. */
const struct tui_grid *tui_term_screen(const struct tui_term *term);
bool tui_term_feed(struct tui_term *term, int key);
void tui_term_resize(struct tui_term *term, int width, int height);
bool tui_term_click(struct tui_term *term, struct tui_mouse mouse);

/* Signals are noted and wake a poll on the descriptor (-1: none); each is told once. */
enum tui_signal {
    TUI_SIGNAL_NONE,
    TUI_SIGNAL_LEAVE, /* SIGTERM, SIGHUP, SIGINT: tui_term_leave_signal has its number */
    TUI_SIGNAL_RESIZE,
    TUI_SIGNAL_SUSPEND,
    TUI_SIGNAL_RESUME,
    TUI_SIGNAL_COUNT
};
int tui_term_signal_fd(void);
enum tui_signal tui_term_signal(void);
int tui_term_leave_signal(void);

#endif
