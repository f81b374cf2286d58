/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The line editor at the bottom, its history, and completion from the tables.
 */
#include <stdio.h>
#include <string.h>

#include "ui/app.h"

void tui_edit_begin(struct tui_app *app, int kind, const char *text)
{
    app->editing = kind;
    snprintf(app->line, sizeof app->line, "%s", text);
    app->line_length = app->line_cursor = (int)strlen(app->line);
    app->history_at = (int)app->history.count;
}

static void insert(struct tui_app *app, const char *bytes, int length)
{
    if (app->line_length + length >= (int)sizeof app->line)
        return;
    memmove(app->line + app->line_cursor + length, app->line + app->line_cursor,
            (size_t)(app->line_length - app->line_cursor + 1));
    memcpy(app->line + app->line_cursor, bytes, (size_t)length);
    app->line_length += length;
    app->line_cursor += length;
}

static int before(const struct tui_app *app, int at)
{
    while (at > 0 && ((unsigned char)app->line[--at] & 0xc0) == 0x80)
        ;
    return at;
}

static int behind(const struct tui_app *app, int at)
{
    if (at < app->line_length)
        at++;
    while (at < app->line_length && ((unsigned char)app->line[at] & 0xc0) == 0x80)
        at++;
    return at;
}

static void erase(struct tui_app *app, int from, int to)
{
    memmove(app->line + from, app->line + to, (size_t)(app->line_length - to + 1));
    app->line_length -= to - from;
    app->line_cursor = from;
}

static void recall(struct tui_app *app, int by)
{
    int at = app->history_at + by;
    if (at < 0 || at > (int)app->history.count)
        return;
    app->history_at = at;
    snprintf(app->line, sizeof app->line, "%s", at < (int)app->history.count ? app->history.data[at] : "");
    app->line_length = app->line_cursor = (int)strlen(app->line);
}

static void finish(struct tui_app *app)
{
    int kind = app->editing;
    char line[sizeof app->line];
    memcpy(line, app->line, sizeof line);
    app->editing = 0;
    if (kind == ':' && line[0]) {
        tui_history_add(app, line);
        tui_run(app, line);
    } else if (kind == '/') {
        snprintf(app->search, sizeof app->search, "%.63s", line);
        tui_command_find("search-next")->run(app, "");
    } else if (kind == 'f') {
        snprintf(app->filter, sizeof app->filter, "%.63s", line);
        app->rows_stale = true;
    }
}

void tui_edit_key(struct tui_app *app, int key)
{
    char bytes[5];
    app->message[0] = '\0'; /* what the last completion offered */
    switch (key) {
    case TUI_KEY_ENTER:
        finish(app);
        break;
    case TUI_KEY_ESCAPE:
    case 3: /* Ctrl-C */
        app->editing = 0;
        break;
    case TUI_KEY_BACKSPACE:
        if (app->line_cursor > 0)
            erase(app, before(app, app->line_cursor), app->line_cursor);
        else if (!app->line_length)
            app->editing = 0;
        break;
    case TUI_KEY_DELETE:
        erase(app, app->line_cursor, behind(app, app->line_cursor));
        break;
    case TUI_KEY_LEFT:
        app->line_cursor = before(app, app->line_cursor);
        break;
    case TUI_KEY_RIGHT:
        app->line_cursor = behind(app, app->line_cursor);
        break;
    case TUI_KEY_HOME:
    case 1: /* Ctrl-A */
        app->line_cursor = 0;
        break;
    case TUI_KEY_END:
    case 5: /* Ctrl-E */
        app->line_cursor = app->line_length;
        break;
    case 21: /* Ctrl-U */
        erase(app, 0, app->line_cursor);
        break;
    case TUI_KEY_UP:
        recall(app, -1);
        break;
    case TUI_KEY_DOWN:
        recall(app, 1);
        break;
    case TUI_KEY_TAB:
        if (app->editing == ':')
            tui_complete(app);
        break;
    default:
        if (key >= 32 && key < 0x110000 && key != 127)
            insert(app, bytes, tui_utf8_put((uint32_t)key, bytes));
    }
}

/* ---- completion ---- */

struct finder {
    const char *prefix;
    size_t length;
    char common[256];
    int count;
    struct sc_str all;
};

static void offer(struct finder *f, const char *word)
{
    if (strncmp(word, f->prefix, f->length) != 0)
        return;
    if (f->count++ == 0)
        snprintf(f->common, sizeof f->common, "%s", word);
    size_t same = 0;
    while (f->common[same] && f->common[same] == word[same])
        same++;
    f->common[same] = '\0';
    if (f->count <= 24)
        sc_str_addf(&f->all, "%s%s", f->count > 1 ? "  " : "", word);
}

static void offer_choices(struct finder *f, const char *choices)
{
    char word[64];
    while (choices && *choices) {
        size_t length = strcspn(choices, "|");
        snprintf(word, sizeof word, "%.*s", (int)length, choices);
        offer(f, word);
        choices += length + (choices[length] == '|');
    }
}

static void offer_strategies(const struct tui_app *app, struct finder *f, const char *glob)
{
    const struct sc_graph *graph = app->graph;
    if (!app->plan || app->plan->graph != graph)
        return;
    for (int op = 0; op < graph->op_count; op++) {
        if (!sc_glob_match(glob, graph->ops[op].name))
            continue;
        const struct sc_costs *costs = sc_plan_of_op(app->plan, op)->costs;
        const struct sc_strategies *set = costs->nodes[costs->op_node[op]].set;
        for (int c = 0; c < set->count; c++) {
            char text[64];
            sc_strategy_format(graph, op, &set->at[c], text, sizeof text);
            offer(f, text);
        }
        return;
    }
}

/* What may stand at the cursor: by the words before it. `from` is where the word begins. */
static void offer_all(const struct tui_app *app, struct finder *f, char *words[3], int index)
{
    const struct tui_command *command;
    const struct sc_verb *verb;
    const struct sc_option *option;
    bool pin = index > 0 && (strcmp(words[0], "pin") == 0 || strcmp(words[0], "unpin") == 0);
    bool set = index > 0 && (strcmp(words[0], "set") == 0 || strcmp(words[0], "reset") == 0);
    if (index == 0) {
        for (size_t i = 0; (command = tui_command_at(i)); i++)
            offer(f, command->name);
        for (size_t i = 0; (verb = sc_session_verb_at(i)); i++)
            offer(f, verb->name);
    } else if (index == 1 && pin && app->graph) {
        for (int op = 0; op < app->graph->op_count; op++)
            offer(f, app->graph->ops[op].name);
    } else if (index == 1 && set) {
        for (size_t i = 0; (option = sc_option_at(i)); i++)
            if (option->saved)
                offer(f, option->name);
    } else if (index == 2 && pin && app->graph) {
        offer_strategies(app, f, words[1]);
    } else if (index == 2 && set && (option = sc_option_find(words[1]))) {
        offer_choices(f, option->choices);
    } else if (index == 1 && strcmp(words[0], "theme") == 0) {
        for (size_t i = 0; tui_theme_at(i); i++)
            offer(f, tui_theme_at(i)->name);
    }
}

void tui_complete(struct tui_app *app)
{
    char copy[sizeof app->line], *words[3] = {"", "", ""}, *at = copy;
    int index = 0;
    snprintf(copy, sizeof copy, "%.*s", app->line_cursor, app->line);
    for (;;) {
        words[index] = at;
        char *space = index < 2 ? strchr(at, ' ') : NULL; /* a strategy has spaces of its own */
        if (!space)
            break;
        *space = '\0';
        at = space + 1;
        index++;
    }
    struct finder f = {.prefix = words[index], .length = strlen(words[index])};
    offer_all(app, &f, words, index);
    size_t known = f.length;
    if (f.count > 0 && strlen(f.common) > known)
        insert(app, f.common + known, (int)(strlen(f.common) - known));
    if (f.count == 1 && index < 2)
        insert(app, " ", 1);
    if (f.count == 0)
        tui_say(app, TUI_DIM, "nothing begins with '%s'", f.prefix);
    else if (f.count > 1)
        tui_say(app, TUI_DIM, "%s%s", sc_str_text(&f.all), f.count > 24 ? " \xe2\x80\xa6" : "");
    sc_str_free(&f.all);
}
