/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Every command of the explorer, in one table: it makes the key map, the help view, the bottom bar and completion.
 * Verbs of sessions (pin, set, undo …) are not here: a ':' line that names none of these goes to the session.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ui/app.h"
#include "ui/commands.h"

static struct tui_list *current_list(struct tui_app *app)
{
    return tui_focused(app)->list(app);
}

static int page(const struct tui_app *app)
{
    return app->grid.height > 8 ? (app->grid.height - 4) / 2 : 2;
}

/* ---- motion ---- */

#define MOTION(id, by)                                                                                                 \
    static void run_##id(struct tui_app *app, const char *arguments)                                                   \
    {                                                                                                                  \
        (void)arguments;                                                                                               \
        tui_list_move(current_list(app), by);                                                                          \
    }
MOTION(down, 1)
MOTION(up, -1)
MOTION(page_down, page(app))
MOTION(page_up, -page(app))
MOTION(top, -current_list(app)->count)
MOTION(bottom, current_list(app)->count)

static void run_pane(struct tui_app *app, const char *arguments)
{
    (void)arguments;
    app->pane = app->pane == TUI_PANE_MAIN ? TUI_PANE_BESIDE : TUI_PANE_MAIN;
}

static void run_left(struct tui_app *app, const char *arguments)
{
    const struct tui_row *row = tui_row_at(app, app->list.cursor);
    (void)arguments;
    if (app->pane == TUI_PANE_BESIDE || app->view != TUI_VIEW_GRAPH) {
        app->pane = TUI_PANE_MAIN;
        return;
    }
    while (row && row->depth && app->list.cursor > 0) /* up to the head of the block */
        row = tui_row_at(app, --app->list.cursor);
    if (row && row->fold && row->open) {
        sc_map_put_text(&app->open, app->graph->ops[row->op].name, 0);
        app->rows_stale = true;
    }
}

static void run_enter(struct tui_app *app, const char *arguments)
{
    (void)arguments;
    if (tui_focused(app)->enter)
        tui_focused(app)->enter(app);
}

static void run_back(struct tui_app *app, const char *arguments)
{
    bool beside = app->view == TUI_VIEW_GRAPH || app->view == TUI_VIEW_STAGES;
    if (beside && app->pane == TUI_PANE_BESIDE) {
        app->pane = TUI_PANE_MAIN;
    } else if (app->view == TUI_VIEW_WHY) {
        app->view = app->why_of;
    } else if (app->view != TUI_VIEW_GRAPH && app->session) {
        app->view = TUI_VIEW_GRAPH;
    } else if (app->filter[0]) {
        app->filter[0] = '\0';
        app->rows_stale = true;
    } else if (strcmp(arguments, "stay") != 0) {
        tui_command_find("quit")->run(app, "");
    }
}

static void run_escape(struct tui_app *app, const char *arguments)
{
    (void)arguments;
    run_back(app, "stay");
}

/* ---- folding ---- */

static void run_unfold(struct tui_app *app, const char *arguments)
{
    const struct tui_row *row = tui_row_at(app, app->list.cursor);
    (void)arguments;
    if (!row || row->repeat < 0)
        return;
    if (row->fold && !row->open)
        sc_map_put_text(&app->open, app->graph->ops[row->op].name, 1);
    else
        sc_map_put_text(&app->unrolled, app->graph->repeats[row->repeat].name, 1);
    app->rows_stale = true;
}

static void run_fold(struct tui_app *app, const char *arguments)
{
    const struct tui_row *row = tui_row_at(app, app->list.cursor);
    (void)arguments;
    if (!row || row->repeat < 0)
        return;
    const struct sc_repeat *repeat = &app->graph->repeats[row->repeat];
    int first = repeat->first + (row->op - repeat->first) / repeat->length * repeat->length;
    int64_t open = 0;
    sc_map_get_text(&app->open, app->graph->ops[first].name, &open);
    if (open)
        sc_map_put_text(&app->open, app->graph->ops[first].name, 0);
    else
        sc_map_put_text(&app->unrolled, repeat->name, 0);
    app->rows_stale = true;
    tui_rows_build(app);
    tui_rows_select_op(app, first);
}

static void fold_all(struct tui_app *app, bool open)
{
    for (int r = 0; app->graph && r < app->graph->repeat_count; r++) {
        const struct sc_repeat *repeat = &app->graph->repeats[r];
        if (!open)
            sc_map_put_text(&app->unrolled, repeat->name, 0);
        for (int copy = 0; copy < repeat->count; copy++)
            sc_map_put_text(&app->open, app->graph->ops[repeat->first + copy * repeat->length].name, open);
    }
    app->rows_stale = true;
}

static void run_open_all(struct tui_app *app, const char *arguments)
{
    (void)arguments;
    fold_all(app, true);
}

static void run_fold_all(struct tui_app *app, const char *arguments)
{
    (void)arguments;
    fold_all(app, false);
}

static void run_parameters(struct tui_app *app, const char *arguments)
{
    (void)arguments;
    app->show_parameters = !app->show_parameters;
    app->rows_stale = true;
    tui_say(app, TUI_DIM,
            app->show_parameters ? "parameters and inputs have rows of their own"
                                 : "parameters and inputs are counted with the op that reads them");
}

/* ---- pins ---- */

bool tui_plan_is_here(struct tui_app *app)
{
    if (tui_staged_plan(app))
        return true;
    tui_say(app, TUI_WARN, "there is no plan yet");
    return false;
}

static void run_pin(struct tui_app *app, const char *arguments)
{
    const struct tui_row *row = tui_row_at(app, app->list.cursor);
    struct sc_str command = {0};
    char strategy[64];
    (void)arguments;
    if (!row || !tui_plan_is_here(app))
        return;
    if (row->cut) {
        tui_run_cut(app, "");
        return;
    }
    if (app->pane == TUI_PANE_BESIDE && !row->fold && app->candidate_list.cursor < app->candidate_count) {
        tui_row_command(app, row, "pin", app->candidates[app->candidate_list.cursor].strategy, &command);
    } else if (!row->fold) {
        sc_plan_op_strategy(app->plan, row->op, strategy, sizeof strategy);
        tui_row_command(app, row, "pin", strategy, &command);
    } else { /* a folded block: every op as it is */
        for (int k = 0; k < row->length; k++) {
            struct tui_row op = *row;
            op.op += k;
            op.fold = false;
            sc_plan_op_strategy(app->plan, op.op, strategy, sizeof strategy);
            tui_row_command(app, &op, "pin", strategy, &command);
        }
    }
    tui_apply(app, sc_str_text(&command));
    sc_str_free(&command);
}

/* Removes what covers the row's ops: by the same globs that pin them. Ops without a pin are passed over. */
static void run_unpin(struct tui_app *app, const char *arguments)
{
    const struct tui_row *row = tui_row_at(app, app->list.cursor);
    struct sc_str command = {0};
    int length = row && row->fold ? row->length : 1;
    (void)arguments;
    if (!row || !app->plan || app->plan->graph != app->graph)
        return;
    if (row->cut) {
        tui_run_uncut(app, "");
        return;
    }
    for (int k = 0; k < length; k++) {
        struct tui_row op = *row;
        op.op += k;
        op.fold = false;
        if (app->plan->pinned[op.op])
            tui_row_command(app, &op, "unpin", "", &command);
    }
    if (command.length)
        tui_apply(app, sc_str_text(&command));
    else
        tui_say(app, TUI_DIM, "nothing is pinned here");
    sc_str_free(&command);
}

static void run_undo(struct tui_app *app, const char *arguments)
{
    (void)arguments;
    tui_apply(app, "undo");
}

static void run_redo(struct tui_app *app, const char *arguments)
{
    (void)arguments;
    tui_apply(app, "redo");
}

/* ---- solving ---- */

/* A plan that was not proven in the time it had has all the time it wants the second time. */
static void run_solve(struct tui_app *app, const char *arguments)
{
    (void)arguments;
    bool unproven = app->plan && app->plan->choice && app->plan->status != SC_SOLVED_OPTIMAL;
    tui_submit(app, unproven && !tui_plan_is_old(app));
}

static void run_cancel(struct tui_app *app, const char *arguments)
{
    (void)arguments;
    if (app->solving && app->worker) {
        app->cancelled = true;
        sc_worker_cancel(app->worker);
        tui_say(app, TUI_WARN, "cancelled; the best plan so far is kept");
    } else {
        tui_say(app, TUI_DIM, "nothing is being solved; q quits");
    }
}

/* ---- finding ---- */

static void run_search(struct tui_app *app, const char *arguments)
{
    if (*arguments) {
        snprintf(app->search, sizeof app->search, "%.63s", arguments);
        tui_command_find("search-next")->run(app, "");
    } else {
        tui_edit_begin(app, '/', "");
    }
}

static void find(struct tui_app *app, int step)
{
    struct tui_list *list = current_list(app);
    struct sc_str text = {0};
    if (!app->search[0]) {
        tui_say(app, TUI_DIM, "nothing to search for; / begins");
        return;
    }
    for (int i = 1; i <= list->count; i++) {
        int at = ((list->cursor + step * i) % list->count + list->count) % list->count;
        sc_str_clear(&text);
        if (tui_focused(app)->text(app, at, &text) && strcasestr(sc_str_text(&text), app->search)) {
            if ((step > 0) != (at > list->cursor))
                tui_say(app, TUI_DIM, "search went round the end");
            list->cursor = at;
            sc_str_free(&text);
            return;
        }
    }
    sc_str_free(&text);
    tui_say(app, TUI_WARN, "'%s' is nowhere in view%s", app->search,
            app->view == TUI_VIEW_GRAPH ? "; zR opens all blocks" : "");
}

static void run_next(struct tui_app *app, const char *arguments)
{
    (void)arguments;
    find(app, 1);
}

static void run_previous(struct tui_app *app, const char *arguments)
{
    (void)arguments;
    find(app, -1);
}

static void run_filter(struct tui_app *app, const char *arguments)
{
    if (*arguments) {
        snprintf(app->filter, sizeof app->filter, "%.63s", arguments);
        app->rows_stale = true;
    } else {
        tui_edit_begin(app, 'f', app->filter);
    }
}

static void run_costliest(struct tui_app *app, const char *arguments)
{
    int best = -1;
    double most = -1;
    (void)arguments;
    if (!tui_plan_is_here(app))
        return;
    for (int i = 0; i < app->rows.count; i++) {
        struct sc_op_cost cost;
        if (app->rows.at[i].fold && app->rows.at[i].open)
            continue;
        tui_row_cost(app, &app->rows.at[i], &cost);
        if (cost.total_s > most) {
            most = cost.total_s;
            best = i;
        }
    }
    if (best >= 0)
        app->list.cursor = best;
}

/* ---- views and files ---- */

static void run_help(struct tui_app *app, const char *arguments)
{
    (void)arguments;
    if (app->view == TUI_VIEW_STAGES)
        app->pane = TUI_PANE_MAIN;
    app->view = app->view == TUI_VIEW_HELP ? (app->session ? TUI_VIEW_GRAPH : TUI_VIEW_PICKER) : TUI_VIEW_HELP;
}

static void run_why(struct tui_app *app, const char *arguments)
{
    (void)arguments;
    app->why_list = (struct tui_list){0};
    if (app->view == TUI_VIEW_WHY) {
        app->view = app->why_of;
    } else {
        app->why_of = app->view == TUI_VIEW_TIMELINE ? TUI_VIEW_TIMELINE : TUI_VIEW_GRAPH;
        app->view = TUI_VIEW_WHY;
    }
}

static void run_log(struct tui_app *app, const char *arguments)
{
    (void)arguments;
    app->view = TUI_VIEW_LOG;
}

static void run_models(struct tui_app *app, const char *arguments)
{
    (void)arguments;
    app->view = TUI_VIEW_PICKER;
}

static void run_copy(struct tui_app *app, const char *arguments)
{
    struct sc_str text = {0};
    (void)arguments;
    bool about_other;
    const char *why = tui_why_text(app, &about_other);
    if (app->view == TUI_VIEW_GRAPH && app->pane == TUI_PANE_BESIDE && why)
        sc_str_add(&text, why);
    else
        tui_focused(app)->text(app, current_list(app)->cursor, &text);
    tui_term_copy(app->term, sc_str_text(&text));
    tui_say(app, TUI_DIM, "copied");
    sc_str_free(&text);
}

static void run_theme(struct tui_app *app, const char *arguments)
{
    const struct tui_theme *theme = tui_theme_find(arguments);
    struct sc_str names = {0};
    if (theme) {
        tui_term_theme(app->term, theme);
        return;
    }
    for (size_t i = 0; tui_theme_at(i); i++)
        sc_str_addf(&names, "%s%s", i ? ", " : "", tui_theme_at(i)->name);
    tui_say(app, TUI_WARN, "themes are %s", sc_str_text(&names));
    sc_str_free(&names);
}

static void run_redraw(struct tui_app *app, const char *arguments)
{
    (void)arguments;
    tui_term_redraw(app->term);
}

static void run_mouse(struct tui_app *app, const char *arguments)
{
    (void)arguments;
    app->mouse = !app->mouse;
    tui_term_mouse(app->term, app->mouse);
    tui_say(app, TUI_DIM,
            app->mouse ? "mouse: click selects, wheel scrolls; m gives text selection back" : "mouse is off");
}

static void run_suspend(struct tui_app *app, const char *arguments)
{
    (void)arguments;
    tui_term_suspend(app->term);
}

static void run_command(struct tui_app *app, const char *arguments)
{
    (void)arguments;
    tui_edit_begin(app, ':', "");
}

/* ---- the timeline ---- */

#define ON_TIMELINE(id, call)                                                                                          \
    static void run_##id(struct tui_app *app, const char *arguments)                                                   \
    {                                                                                                                  \
        (void)arguments;                                                                                               \
        call;                                                                                                          \
    }
ON_TIMELINE(later, tui_timeline_step(app, 1))
ON_TIMELINE(earlier, tui_timeline_step(app, -1))
ON_TIMELINE(time_on, tui_timeline_page(app, 1))
ON_TIMELINE(time_back, tui_timeline_page(app, -1))
ON_TIMELINE(time_begin, tui_timeline_end(app, false))
ON_TIMELINE(time_end, tui_timeline_end(app, true))
ON_TIMELINE(zoom_in, tui_timeline_zoom(app, 2))
ON_TIMELINE(zoom_out, tui_timeline_zoom(app, 0.5))
ON_TIMELINE(zoom_all, tui_timeline_zoom(app, 0))

static void run_simulate(struct tui_app *app, const char *arguments)
{
    tui_timeline_schedule(app, arguments);
}

static const struct tui_command commands[] = {
    {"help", "? F1", "", "", "all keys and commands; Enter runs the one under the cursor", run_help, false, "Help"},
    {"down", "j Down", "", "", "next line", run_down, false, NULL},
    {"up", "k Up", "", "", "line before", run_up, false, NULL},
    {"page-down", "Ctrl-D PgDn", "", "", "half a screen on", run_page_down, false, NULL},
    {"page-up", "Ctrl-U PgUp", "", "", "half a screen back", run_page_up, false, NULL},
    {"top", "gg Home", "", "", "first line", run_top, false, NULL},
    {"bottom", "G End", "", "", "last line", run_bottom, false, NULL},
    {"enter", "Enter l Right", "", "", "open a block, go to an op's candidates, pin a candidate", run_enter, false,
     "Open"},
    {"back", "q", "", "", "back; at the root, quit", run_back, false, "Back"},
    {"escape", "Esc", "", "", "back, without quitting", run_escape, false, NULL},
    {"graph", "1", "", "", "ops, how they are sharded, and where the stages are cut", tui_run_graph, false, NULL},
    {"candidates", "2", "", "", "the op's other strategies, and what they would change", tui_run_candidates, false,
     NULL},
    {"stages", "3", "", "", "pipeline stages: time, memory, and where else to cut", tui_run_stages, false, NULL},
    {"timeline", "4", "", "", "the schedule over time, step by step", tui_run_timeline, false, NULL},
    {"left", "h Left", "graph stages", "", "back from the pane beside; in the graph, close the block", run_left, false,
     NULL},
    {"pane", "Tab S-Tab", "graph stages", "", "to the pane beside, and back", run_pane, false, "Pane"},
    {"cut-here", "c", "graph stages", "",
     "a stage begins here: at the layer under the cursor, of folded copies at the middle one", tui_run_cut, true,
     "Cut"},
    {"forbid-cut", "C", "graph stages", "", "no stage begins here", tui_run_no_cut, true, NULL},
    {"uncut-here", "x", "graph stages", "", "take back what was said about a cut here", tui_run_uncut, true, NULL},
    {"cut-later", ">", "graph stages", "", "move the cut under the cursor on by a layer", tui_run_cut_later, true,
     NULL},
    {"cut-earlier", "<", "graph stages", "", "move it back by a layer", tui_run_cut_earlier, true, NULL},
    {"next-cut", "]", "graph stages", "", "to the next cut", tui_run_next_cut, false, NULL},
    {"previous-cut", "[", "graph stages", "", "to the cut before", tui_run_previous_cut, false, NULL},
    {"stages-auto", "A", "graph stages", "", "as many stages as are best", tui_run_stages_auto, true, NULL},
    {"later", "l Right", "timeline", "", "to the next moment at which anything begins or ends", run_later, false,
     "Step"},
    {"earlier", "h Left", "timeline", "", "to the moment before", run_earlier, false, NULL},
    {"time-on", "Ctrl-D PgDn", "timeline", "", "a window on", run_time_on, false, NULL},
    {"time-back", "Ctrl-U PgUp", "timeline", "", "a window back", run_time_back, false, NULL},
    {"time-begin", "gg Home", "timeline", "", "to the beginning of the iteration", run_time_begin, false, NULL},
    {"time-end", "G End", "timeline", "", "to its end", run_time_end, false, NULL},
    {"zoom-in", "+ =", "timeline", "", "less time, larger", run_zoom_in, false, "Zoom"},
    {"zoom-out", "-", "timeline", "", "more time, smaller", run_zoom_out, false, NULL},
    {"zoom-all", "0", "timeline", "", "the whole iteration", run_zoom_all, false, "All"},
    {"simulate", "s", "timeline", "[SCHEDULE [CHUNKS]]", "this plan under another schedule: 1f1b, gpipe, interleaved",
     run_simulate, false, "Schedule"},
    {"pin-this", "p", "graph", "", "pin what is under the cursor, on all copies of its block that the row stands for",
     run_pin, true, "Pin"},
    {"unpin-this", "P", "graph", "", "take the pin back", run_unpin, true, "Unpin"},
    {"undo-last", "u", "", "", "take the last change back", run_undo, true, "Undo"},
    {"redo-last", "Ctrl-R", "", "", "make it again", run_redo, true, NULL},
    {"search", "/", "", "[TEXT]", "find in the view", run_search, false, "Find"},
    {"search-next", "n", "", "", "next match", run_next, false, NULL},
    {"search-previous", "N", "", "", "match before", run_previous, false, NULL},
    {"filter", "f", "graph", "[TEXT]", "only ops whose name or kind has this text; Esc ends it", run_filter, false,
     "Filter"},
    {"costliest", "$", "graph", "", "jump to the costliest line", run_costliest, false, NULL},
    {"unfold", "+ =", "graph", "", "open a block; again: unroll its copies", run_unfold, false, NULL},
    {"fold", "-", "graph", "", "close a block; again: roll its copies up", run_fold, false, NULL},
    {"open-all", "zR", "graph", "", "open all blocks", run_open_all, false, NULL},
    {"fold-all", "zM", "graph", "", "close all blocks", run_fold_all, false, NULL},
    {"parameters", "a", "graph", "", "rows for parameters and inputs, or not", run_parameters, false, "Params"},
    {"solve", "r", "", "", "solve again", run_solve, false, NULL},
    {"cancel", "Ctrl-C", "", "", "stop solving; the best plan so far is kept", run_cancel, false, NULL},
    {"command", ":", "", "", "a command by name; Tab completes", run_command, false, "Command"},
    {"why", "w", "", "", "why it is sharded that way, or what the strategy under the cursor would change", run_why,
     false, "Why"},
    {"log", "L", "", "", "what was said", run_log, false, NULL},
    {"models", "M", "", "", "choose another sample", run_models, false, NULL},
    {"open", "", "", "FILE", "open a model file, a sample by name, or a session", tui_run_open, false, NULL},
    {"recover", "", "", "", "open the changes that were kept when a terminal went away", tui_run_recover, false, NULL},
    {"save", "Ctrl-S", "", "[FILE]", "save the session", tui_run_save, false, NULL},
    {"save-quit", "", "", "[FILE]", "save the session and leave", tui_run_save_quit, false, NULL},
    {"write-view", "", "", "FILE", "write what the cursor is in as text, all of it", tui_run_write_view, false, NULL},
    {"write-plan", "", "", "[FILE]", "write the plan as JSON", tui_run_write_plan, false, NULL},
    {"copy", "y", "", "", "copy the line, or why, to the clipboard", run_copy, false, NULL},
    {"theme", "", "", "NAME", "colours: dark, light, contrast, mono", run_theme, false, NULL},
    {"mouse", "m", "", "", "use the mouse, or leave it to the terminal", run_mouse, false, NULL},
    {"redraw", "Ctrl-L", "", "", "draw the screen anew", run_redraw, false, NULL},
    {"suspend", "Ctrl-Z", "", "", "to the shell; fg comes back", run_suspend, false, NULL},
    {"quit", "", "", "[!]", "leave; asks when the session is not saved", tui_run_quit, false, NULL},
};

const struct tui_command *tui_command_at(size_t index)
{
    return index < SC_LEN(commands) ? &commands[index] : NULL;
}

const struct tui_command *tui_command_find(const char *name)
{
    for (size_t i = 0; i < SC_LEN(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

bool tui_command_in(const struct tui_command *command, const char *view)
{
    size_t length = strlen(view);
    const char *at = command->context;
    while (*at && (strncmp(at, view, length) != 0 || (at[length] && at[length] != ' '))) {
        at += strcspn(at, " ");
        at += *at == ' ';
    }
    return !*command->context || *at;
}

/* Does one of the space-separated names in `keys` mean this key? A two-letter name is a pair. */
static bool key_listed(const char *keys, int previous, int key, bool *wait)
{
    char name[16];
    while (*keys) {
        size_t length = strcspn(keys, " ");
        snprintf(name, sizeof name, "%.*s", (int)length, keys);
        bool pair = length == 2 && !tui_key_find(name);
        if (pair && previous == name[0] && key == name[1])
            return true;
        if (pair && key == name[0] && previous != name[0])
            *wait = true;
        if (!pair && !previous && tui_key_find(name) == key)
            return true;
        keys += length + (keys[length] == ' ');
    }
    return false;
}

const struct tui_command *tui_command_of_key(const char *context, int previous, int key, bool *wait)
{
    const struct tui_command *found = NULL;
    for (int round = 0; round < 2 && !found; round++, previous = 0) { /* a key that makes no pair stands for itself */
        for (size_t i = 0; i < SC_LEN(commands); i++) { /* what is of a view goes before what is everywhere */
            const struct tui_command *c = &commands[i];
            if (tui_command_in(c, context) && key_listed(c->keys, previous, key, wait) &&
                (!found || (!*found->context && *c->context)))
                found = c;
        }
        if (!previous)
            break;
    }
    *wait &= !found;
    return found;
}

void tui_run(struct tui_app *app, const char *line)
{
    char name[64];
    line += strspn(line, " :");
    size_t length = strcspn(line, " ");
    if (!length)
        return;
    snprintf(name, sizeof name, "%.*s", (int)length, line);
    const char *arguments = line + length + strspn(line + length, " ");
    const struct tui_command *command = tui_command_find(name);
    const struct sc_verb *verb;
    if (command && tui_command_in(command, tui_view(app)->name)) {
        command->run(app, arguments);
        return;
    }
    if (command) {
        const char *more = strchr(command->context, ' ');
        tui_say(app, TUI_WARN, "%s belongs to the %.*s view%s%s", name, (int)strcspn(command->context, " "),
                command->context, more ? ", and that of" : "", more ? more : "");
        return;
    }
    for (size_t i = 0; (verb = sc_session_verb_at(i)); i++)
        if (strcmp(verb->name, name) == 0) {
            tui_apply(app, line);
            return;
        }
    const char *names[SC_LEN(commands) + 32];
    size_t count = 0;
    for (size_t i = 0; i < SC_LEN(commands); i++)
        names[count++] = commands[i].name;
    for (size_t i = 0; (verb = sc_session_verb_at(i)) && count < SC_LEN(names); i++)
        names[count++] = verb->name;
    const char *near = sc_nearest(name, names, count);
    tui_say(app, TUI_BAD, "there is no command '%s'%s%s%s", name, near ? "; did you mean '" : "; ? lists them",
            near ? near : "", near ? "'?" : "");
}
