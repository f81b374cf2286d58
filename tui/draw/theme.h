/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What roles look like. Colours are the terminal's own sixteen, so that its palette is respected.
 */
#ifndef TUI_DRAW_THEME_H
#define TUI_DRAW_THEME_H

#include "draw/grid.h"

enum { TUI_BOLD = 1, TUI_FAINT = 2, TUI_REVERSE = 4, TUI_UNDERLINE = 8 };

struct tui_style {
    int8_t foreground, background; /* 0 … 15, -1: the terminal's default */
    uint8_t flags;
};
struct tui_theme {
    const char *name;
    bool colour;
    struct tui_style style[TUI_ROLE_COUNT];
};
const struct tui_theme *tui_theme_find(const char *name); /* NULL when unknown */
const struct tui_theme *tui_theme_at(size_t index);       /* NULL past the end; the first is the default */

#endif
