/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The face of terminals, names of keys, and the terminal in memory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "term/private.h"

void tui_term_free(struct tui_term *term)
{
    if (term)
        term->ops->close(term);
}

void tui_term_size(struct tui_term *term, int *width, int *height)
{
    term->ops->size(term, width, height);
}

void tui_term_show(struct tui_term *term, const struct tui_grid *grid)
{
    term->ops->show(term, grid);
}

int tui_term_fd(const struct tui_term *term)
{
    return term->ops->fd(term);
}

int tui_term_key(struct tui_term *term)
{
    return term->ops->key(term);
}

void tui_term_redraw(struct tui_term *term)
{
    term->ops->redraw(term);
}

void tui_term_suspend(struct tui_term *term)
{
    term->ops->suspend(term);
}

void tui_term_resume(struct tui_term *term, bool resized)
{
    term->ops->resume(term, resized);
}

void tui_term_mouse(struct tui_term *term, bool on)
{
    term->ops->mouse(term, on);
}

struct tui_mouse tui_term_mouse_event(const struct tui_term *term)
{
    return term->mouse;
}

void tui_term_copy(struct tui_term *term, const char *text)
{
    term->ops->copy(term, text);
}

void tui_term_theme(struct tui_term *term, const struct tui_theme *theme)
{
    term->ops->theme(term, theme);
}

/* ---- keys ---- */

static const struct {
    int key;
    const char *name;
} names[] = {
    {TUI_KEY_TAB, "Tab"},        {TUI_KEY_ENTER, "Enter"}, {TUI_KEY_ESCAPE, "Esc"},   {TUI_KEY_BACKSPACE, "Bksp"},
    {TUI_KEY_UP, "Up"},          {TUI_KEY_DOWN, "Down"},   {TUI_KEY_LEFT, "Left"},    {TUI_KEY_RIGHT, "Right"},
    {TUI_KEY_HOME, "Home"},      {TUI_KEY_END, "End"},     {TUI_KEY_PAGE_UP, "PgUp"}, {TUI_KEY_PAGE_DOWN, "PgDn"},
    {TUI_KEY_BACK_TAB, "S-Tab"}, {TUI_KEY_DELETE, "Del"},  {TUI_KEY_F1, "F1"},        {' ', "Space"},
};

void tui_key_name(int key, char *out, size_t size)
{
    char bytes[5];
    for (size_t i = 0; i < SC_LEN(names); i++)
        if (names[i].key == key) {
            snprintf(out, size, "%s", names[i].name);
            return;
        }
    if (key >= 1 && key <= 26) {
        snprintf(out, size, "Ctrl-%c", 'A' + key - 1);
    } else {
        tui_utf8_put(key > 0 && key < 0x110000 ? (uint32_t)key : '?', bytes);
        snprintf(out, size, "%s", bytes);
    }
}

int tui_key_find(const char *name)
{
    for (size_t i = 0; i < SC_LEN(names); i++)
        if (strcmp(names[i].name, name) == 0)
            return names[i].key;
    if (strncmp(name, "Ctrl-", 5) == 0 && name[5] >= 'A' && name[5] <= 'Z' && !name[6])
        return name[5] - 'A' + 1;
    const char *rest = name;
    uint32_t code = tui_utf8_next(&rest);
    return code && !*rest ? (int)code : 0;
}

/* ---- memory ---- */

struct memory_term {
    struct tui_term base;
    struct tui_grid screen;
    int keys[4096], first, count;
    int width, height;
};

static struct memory_term *memory(const struct tui_term *term)
{
    return (struct memory_term *)(uintptr_t)term;
}

static void memory_close(struct tui_term *term)
{
    tui_grid_free(&memory(term)->screen);
    sc_free(term);
}

static void memory_size(struct tui_term *term, int *width, int *height)
{
    *width = memory(term)->width;
    *height = memory(term)->height;
}

static void memory_show(struct tui_term *term, const struct tui_grid *grid)
{
    struct memory_term *m = memory(term);
    if ((m->screen.width != grid->width || m->screen.height != grid->height || !m->screen.cells) &&
        !tui_grid_resize(&m->screen, grid->width, grid->height))
        return;
    memcpy(m->screen.cells, grid->cells, (size_t)grid->width * (size_t)grid->height * sizeof *grid->cells);
    m->screen.cursor_x = grid->cursor_x;
    m->screen.cursor_y = grid->cursor_y;
}

static int memory_fd(const struct tui_term *term)
{
    (void)term;
    return -1;
}

static int memory_key(struct tui_term *term)
{
    struct memory_term *m = memory(term);
    if (!m->count)
        return TUI_KEY_NONE;
    int key = m->keys[m->first];
    m->first = (m->first + 1) % (int)SC_LEN(m->keys);
    m->count--;
    return key;
}

static void memory_nothing(struct tui_term *term)
{
    (void)term;
}

static void memory_resume(struct tui_term *term, bool resized)
{
    (void)term;
    (void)resized;
}

static void memory_mouse(struct tui_term *term, bool on)
{
    (void)term;
    (void)on;
}

static void memory_copy(struct tui_term *term, const char *text)
{
    (void)term;
    (void)text;
}

static void memory_theme(struct tui_term *term, const struct tui_theme *theme)
{
    (void)term;
    (void)theme;
}

static const struct tui_term_ops memory_ops = {
    .close = memory_close,
    .size = memory_size,
    .show = memory_show,
    .fd = memory_fd,
    .key = memory_key,
    .redraw = memory_nothing,
    .suspend = memory_nothing,
    .resume = memory_resume,
    .copy = memory_copy,
    .mouse = memory_mouse,
    .theme = memory_theme,
};

struct tui_term *tui_term_memory(int width, int height)
{
    struct memory_term *m = sc_alloc(sizeof *m);
    if (!m)
        return NULL;
    m->base.ops = &memory_ops;
    m->width = width;
    m->height = height;
    return &m->base;
}

const struct tui_grid *tui_term_screen(const struct tui_term *term)
{
    return &memory(term)->screen;
}

bool tui_term_feed(struct tui_term *term, int key)
{
    struct memory_term *m = memory(term);
    if (m->count == (int)SC_LEN(m->keys))
        return false;
    m->keys[(m->first + m->count++) % (int)SC_LEN(m->keys)] = key;
    return true;
}

void tui_term_resize(struct tui_term *term, int width, int height)
{
    memory(term)->width = width;
    memory(term)->height = height;
    tui_term_feed(term, TUI_KEY_RESIZE);
}

bool tui_term_click(struct tui_term *term, struct tui_mouse mouse)
{
    term->mouse = mouse;
    return tui_term_feed(term, TUI_KEY_MOUSE);
}
