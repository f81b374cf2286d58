/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "draw/theme.h"

enum { BLACK, RED, GREEN, YELLOW, BLUE, MAGENTA, CYAN, WHITE, GREY, BRIGHT = 8, NONE = -1 };

static const struct tui_theme themes[] = {
    {"dark",
     true,
     {
         [TUI_PLAIN] = {NONE, NONE, 0},
         [TUI_DIM] = {GREY, NONE, 0},
         [TUI_HEADER] = {NONE, NONE, TUI_BOLD},
         [TUI_CURSOR] = {NONE, NONE, TUI_REVERSE},
         [TUI_IDLE_CURSOR] = {NONE, NONE, TUI_UNDERLINE},
         [TUI_CHOSEN] = {GREEN, NONE, TUI_BOLD},
         [TUI_PINNED] = {MAGENTA, NONE, TUI_BOLD},
         [TUI_GOOD] = {GREEN, NONE, 0},
         [TUI_WARN] = {YELLOW, NONE, 0},
         [TUI_BAD] = {RED, NONE, TUI_BOLD},
         [TUI_KEY] = {CYAN, NONE, TUI_BOLD},
         [TUI_TITLE] = {CYAN, NONE, TUI_BOLD},
         [TUI_LANE] = {BLUE, NONE, 0},
         [TUI_BORDER] = {GREY, NONE, 0},
         [TUI_COMPUTE] = {NONE, NONE, 0},
         [TUI_COMM] = {YELLOW, NONE, 0},
         [TUI_MEMORY] = {CYAN, NONE, 0},
         [TUI_FORWARD] = {BLACK, CYAN, 0},
         [TUI_BACKWARD] = {BLACK, GREEN, 0},
     }},
    {"light",
     true,
     {
         [TUI_PLAIN] = {NONE, NONE, 0},
         [TUI_DIM] = {GREY, NONE, 0},
         [TUI_HEADER] = {NONE, NONE, TUI_BOLD},
         [TUI_CURSOR] = {NONE, NONE, TUI_REVERSE},
         [TUI_IDLE_CURSOR] = {NONE, NONE, TUI_UNDERLINE},
         [TUI_CHOSEN] = {GREEN, NONE, TUI_BOLD},
         [TUI_PINNED] = {MAGENTA, NONE, TUI_BOLD},
         [TUI_GOOD] = {GREEN, NONE, 0},
         [TUI_WARN] = {RED, NONE, 0},
         [TUI_BAD] = {RED, NONE, TUI_BOLD},
         [TUI_KEY] = {BLUE, NONE, TUI_BOLD},
         [TUI_TITLE] = {BLUE, NONE, TUI_BOLD},
         [TUI_LANE] = {BLUE, NONE, 0},
         [TUI_BORDER] = {GREY, NONE, 0},
         [TUI_COMPUTE] = {NONE, NONE, 0},
         [TUI_COMM] = {RED, NONE, 0},
         [TUI_MEMORY] = {BLUE, NONE, 0},
         [TUI_FORWARD] = {BRIGHT + WHITE, BLUE, 0},
         [TUI_BACKWARD] = {BLACK, GREEN, 0},
     }},
    {"contrast",
     true,
     {
         [TUI_PLAIN] = {BRIGHT + WHITE, BLACK, 0},
         [TUI_DIM] = {WHITE, BLACK, 0},
         [TUI_HEADER] = {BRIGHT + WHITE, BLUE, TUI_BOLD},
         [TUI_CURSOR] = {BLACK, BRIGHT + YELLOW, TUI_BOLD},
         [TUI_IDLE_CURSOR] = {BRIGHT + YELLOW, BLACK, TUI_UNDERLINE},
         [TUI_CHOSEN] = {BRIGHT + GREEN, BLACK, TUI_BOLD},
         [TUI_PINNED] = {BRIGHT + MAGENTA, BLACK, TUI_BOLD},
         [TUI_GOOD] = {BRIGHT + GREEN, BLACK, TUI_BOLD},
         [TUI_WARN] = {BRIGHT + YELLOW, BLACK, TUI_BOLD},
         [TUI_BAD] = {BRIGHT + WHITE, RED, TUI_BOLD},
         [TUI_KEY] = {BRIGHT + CYAN, BLACK, TUI_BOLD},
         [TUI_TITLE] = {BRIGHT + CYAN, BLACK, TUI_BOLD},
         [TUI_LANE] = {BRIGHT + CYAN, BLACK, 0},
         [TUI_BORDER] = {WHITE, BLACK, 0},
         [TUI_COMPUTE] = {BRIGHT + WHITE, BLACK, 0},
         [TUI_COMM] = {BRIGHT + YELLOW, BLACK, 0},
         [TUI_MEMORY] = {BRIGHT + CYAN, BLACK, 0},
         [TUI_FORWARD] = {BLACK, BRIGHT + CYAN, TUI_BOLD},
         [TUI_BACKWARD] = {BLACK, BRIGHT + GREEN, TUI_BOLD},
     }},
    {"mono",
     false,
     {
         [TUI_PLAIN] = {NONE, NONE, 0},
         [TUI_DIM] = {NONE, NONE, TUI_FAINT},
         [TUI_HEADER] = {NONE, NONE, TUI_BOLD},
         [TUI_CURSOR] = {NONE, NONE, TUI_REVERSE},
         [TUI_IDLE_CURSOR] = {NONE, NONE, TUI_UNDERLINE},
         [TUI_CHOSEN] = {NONE, NONE, TUI_BOLD},
         [TUI_PINNED] = {NONE, NONE, TUI_BOLD | TUI_UNDERLINE},
         [TUI_GOOD] = {NONE, NONE, TUI_BOLD},
         [TUI_WARN] = {NONE, NONE, TUI_BOLD},
         [TUI_BAD] = {NONE, NONE, TUI_BOLD | TUI_REVERSE},
         [TUI_KEY] = {NONE, NONE, TUI_BOLD},
         [TUI_TITLE] = {NONE, NONE, TUI_BOLD},
         [TUI_LANE] = {NONE, NONE, 0},
         [TUI_BORDER] = {NONE, NONE, TUI_FAINT},
         [TUI_COMPUTE] = {NONE, NONE, 0},
         [TUI_COMM] = {NONE, NONE, 0},
         [TUI_MEMORY] = {NONE, NONE, 0},
         [TUI_FORWARD] = {NONE, NONE, TUI_REVERSE},
         [TUI_BACKWARD] = {NONE, NONE, TUI_BOLD},
     }},
};

const struct tui_theme *tui_theme_at(size_t index)
{
    return index < SC_LEN(themes) ? &themes[index] : NULL;
}

const struct tui_theme *tui_theme_find(const char *name)
{
    for (size_t i = 0; i < SC_LEN(themes); i++)
        if (strcmp(themes[i].name, name) == 0)
            return &themes[i];
    return NULL;
}
