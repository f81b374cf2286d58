/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Cuts between stages: which one the cursor is at, and the session commands that make, forbid and move one.
 */
#include <stdio.h>
#include <string.h>

#include "ui/app.h"
#include "ui/commands.h"

const struct sc_plan *tui_staged_plan(const struct tui_app *app)
{
    const struct sc_plan *plan = app->plan;
    return plan && plan->choice && plan->graph == app->graph ? plan : NULL;
}

int tui_current_cut(const struct tui_app *app)
{
    const struct sc_plan *plan = tui_staged_plan(app);
    const struct tui_row *row = tui_row_at(app, app->list.cursor);
    if (!plan)
        return 0;
    if (app->view != TUI_VIEW_GRAPH)
        return app->stage_list.cursor < plan->stage_count ? app->stage_list.cursor : 0;
    return row ? row->cut : 0;
}

/* The layer of the first op that computes: a parameter stands where it is first read. */
static int layer_of_row(const struct tui_app *app, const struct tui_row *row)
{
    int op = row->op;
    while (row->fold && op < row->op + row->length - 1 && app->graph->ops[op].operand_count == 0)
        op++;
    return app->graph->ops[op].layer;
}

int tui_current_layer(const struct tui_app *app)
{
    const struct sc_plan *plan = tui_staged_plan(app);
    const struct tui_row *row = tui_row_at(app, app->list.cursor);
    int cut = tui_current_cut(app), layer;
    if (app->view == TUI_VIEW_STAGES && app->pane == TUI_PANE_BESIDE && tui_current_position(app, &layer))
        return layer;
    if (app->view != TUI_VIEW_GRAPH || (row && row->cut))
        return plan ? plan->stages[cut].first_layer : -1;
    return row && app->graph ? layer_of_row(app, row) : -1;
}

void tui_select_stage(struct tui_app *app, int stage)
{
    app->stage_list.cursor = stage;
    for (int i = 0; stage > 0 && i < app->rows.count; i++)
        if (app->rows.at[i].cut == stage)
            app->list.cursor = i;
}

const char *tui_cut_text(const struct tui_app *app, const struct sc_texts *texts, int layer)
{
    const char *name = app->graph->layers[layer].name;
    for (int i = 0; i < texts->count; i++) {
        int64_t number;
        bool named = false;
        for (int l = 0; l < app->graph->layer_count && !named; l++)
            named = strcmp(app->graph->layers[l].name, texts->at[i]) == 0;
        if (named ? strcmp(texts->at[i], name) == 0 : sc_parse_int(texts->at[i], &number) && number == layer)
            return texts->at[i];
    }
    return NULL;
}

/* What settings say of the layer is taken back. */
static void put_uncut(const struct tui_app *app, int layer, struct sc_str *out)
{
    const struct sc_settings *settings = sc_session_settings(app->session);
    const char *texts[] = {tui_cut_text(app, &settings->cuts, layer), tui_cut_text(app, &settings->no_cuts, layer)};
    for (size_t i = 0; i < SC_LEN(texts); i++)
        if (texts[i])
            sc_str_addf(out, "uncut %s; ", texts[i]);
}

void tui_cut_line(const struct tui_app *app, int from, int layer, struct sc_str *out)
{
    if (sc_session_settings(app->session)->stages_max == 0)
        sc_str_add(out, "set stages auto; ");
    if (from > 0 && from != layer)
        put_uncut(app, from, out);
    put_uncut(app, layer, out);
    sc_str_addf(out, "cut %s", app->graph->layers[layer].name);
}

/* ---- commands ---- */

/* The layer under the cursor, if a stage may begin there. */
static int wanted_layer(struct tui_app *app)
{
    int layer = app->session && app->graph ? tui_current_layer(app) : -1;
    if (layer == 0)
        tui_say(app, TUI_WARN, "the first stage always begins here; go on to where another one may");
    else if (layer < 0)
        tui_say(app, TUI_WARN, "there is no layer under the cursor");
    return layer > 0 ? layer : -1;
}

/* The cursor goes where the cut goes. */
static void apply_at(struct tui_app *app, int layer, struct sc_str *line)
{
    uint64_t revision = sc_session_revision(app->session);
    if (tui_apply(app, sc_str_text(line))) {
        app->followed = layer;
        if (sc_session_revision(app->session) == revision)
            tui_say(app, TUI_DIM, "that was said before; u takes it back");
        else
            tui_say(app, TUI_PLAIN, "%s", sc_str_text(line));
    }
    sc_str_free(line);
}

/* Of folded copies the middle one. */
static int middle_layer(const struct tui_app *app)
{
    const struct tui_row *row = tui_row_at(app, app->list.cursor);
    if (app->view != TUI_VIEW_GRAPH || !row || !row->fold || row->copies < 2)
        return -1;
    struct tui_row middle = *row;
    middle.op += row->copies / 2 * row->length;
    return layer_of_row(app, &middle);
}

void tui_run_cut(struct tui_app *app, const char *arguments)
{
    struct sc_str line = {0};
    int layer = app->session && app->graph ? middle_layer(app) : -1;
    (void)arguments;
    if (layer <= 0)
        layer = wanted_layer(app);
    if (layer < 0)
        return;
    tui_cut_line(app, 0, layer, &line);
    apply_at(app, layer, &line);
}

void tui_run_no_cut(struct tui_app *app, const char *arguments)
{
    struct sc_str line = {0};
    int layer = wanted_layer(app);
    (void)arguments;
    if (layer < 0)
        return;
    put_uncut(app, layer, &line);
    sc_str_addf(&line, "nocut %s", app->graph->layers[layer].name);
    apply_at(app, layer, &line);
}

void tui_run_uncut(struct tui_app *app, const char *arguments)
{
    struct sc_str line = {0};
    int layer = wanted_layer(app);
    (void)arguments;
    if (layer < 0)
        return;
    put_uncut(app, layer, &line);
    if (line.length > 2) {
        line.data[line.length -= 2] = '\0'; /* the last "; " */
        apply_at(app, layer, &line);
    } else {
        tui_say(app, TUI_DIM, "nothing was said about a cut at %s; C forbids one", app->graph->layers[layer].name);
        sc_str_free(&line);
    }
}

static void move_cut(struct tui_app *app, int by)
{
    const struct sc_plan *plan = tui_staged_plan(app);
    int cut = tui_current_cut(app);
    struct sc_str line = {0};
    if (!plan || !cut) {
        tui_say(app, TUI_DIM, "go to a cut first: ] and [ do");
        return;
    }
    int from = plan->stages[cut].first_layer, to = from + by;
    if (tui_plan_is_old(app)) {
        tui_say(app, TUI_DIM, "wait for the plan");
    } else if (to <= plan->stages[cut - 1].first_layer || to > plan->stages[cut].last_layer) {
        tui_say(app, TUI_WARN, "a stage has one layer at least; move the next cut first");
    } else {
        tui_cut_line(app, from, to, &line);
        apply_at(app, to, &line);
    }
}

void tui_run_cut_later(struct tui_app *app, const char *arguments)
{
    (void)arguments;
    move_cut(app, 1);
}

void tui_run_cut_earlier(struct tui_app *app, const char *arguments)
{
    (void)arguments;
    move_cut(app, -1);
}

/* In the graph from any row: the next line of a cut that there is. */
static void go_to_cut(struct tui_app *app, int by)
{
    const struct sc_plan *plan = tui_staged_plan(app);
    if (!plan || plan->stage_count < 2) {
        tui_say(app, TUI_DIM, "the plan has one stage; c begins another one, :set stages auto as many as are best");
    } else if (app->view == TUI_VIEW_GRAPH) {
        int at = app->list.cursor + by;
        while (tui_row_at(app, at) && !tui_row_at(app, at)->cut)
            at += by;
        if (!tui_row_at(app, at))
            tui_say(app, TUI_DIM, by > 0 ? "this was the last cut" : "this was the first cut");
        else
            app->list.cursor = at;
    } else {
        tui_list_move(&app->stage_list, by);
        if (!app->stage_list.cursor)
            app->stage_list.cursor = 1;
    }
}

void tui_run_next_cut(struct tui_app *app, const char *arguments)
{
    (void)arguments;
    go_to_cut(app, 1);
}

void tui_run_previous_cut(struct tui_app *app, const char *arguments)
{
    (void)arguments;
    go_to_cut(app, -1);
}

void tui_run_stages_auto(struct tui_app *app, const char *arguments)
{
    (void)arguments;
    tui_apply(app, "set stages auto");
}

/* Which stage is under the cursor is the same in the graph, in stages and in the timeline. */
static void show(struct tui_app *app, enum tui_view_id view)
{
    const struct sc_plan *plan = tui_staged_plan(app);
    const struct tui_row *row = tui_row_at(app, app->list.cursor);
    if (app->view == TUI_VIEW_GRAPH && plan && row) {
        int stage = row->cut ? row->cut : sc_plan_stage_of_op(plan, row->op);
        app->stage_list.cursor = stage;
    }
    if (view != app->view)
        app->pane = TUI_PANE_MAIN;
    app->view = view;
}

void tui_run_graph(struct tui_app *app, const char *arguments)
{
    (void)arguments;
    if (app->session)
        show(app, TUI_VIEW_GRAPH);
}

void tui_run_candidates(struct tui_app *app, const char *arguments)
{
    (void)arguments;
    if (!app->session)
        return;
    show(app, TUI_VIEW_GRAPH);
    app->pane = TUI_PANE_BESIDE;
}

void tui_run_stages(struct tui_app *app, const char *arguments)
{
    (void)arguments;
    if (app->session)
        show(app, TUI_VIEW_STAGES);
}

void tui_run_timeline(struct tui_app *app, const char *arguments)
{
    (void)arguments;
    if (app->session)
        show(app, TUI_VIEW_TIMELINE);
}
