/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Where else a cut could be: every layer between the cuts before and behind it, with the Δ of the whole objective were
 * the cut there and everything else solved again; and why a position is impossible. Of the first stage, which no cut
 * begins: where it could be cut in two.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ui/app.h"

struct position {
    int layer;    /* 0: no cut here at all */
    double delta; /* NAN: not known */
    bool exact, asked;
};

struct tui_positions {
    const struct sc_plan *plan; /* borrowed, compared only */
    int stage, now;             /* the stage; the layer at which it begins */
    int count;
    struct position *at;
    int *question; /* positions that were asked for, in order */
    int question_count;
    char *reason; /* why the position is impossible; NULL: not known */
    int reason_for;
};

/* ---- what is known ---- */

void tui_positions_drop(struct tui_app *app)
{
    struct tui_positions *it = app->positions;
    if (!it)
        return;
    sc_free(it->at);
    sc_free(it->question);
    sc_free(it->reason);
    sc_free(it);
    app->positions = NULL;
    if (app->asked == TUI_ASK_POSITIONS || app->asked == TUI_ASK_REASON)
        app->asked = TUI_ASK_NOTHING;
}

static struct tui_positions *make(struct tui_app *app, const struct sc_plan *plan, int stage)
{
    const struct sc_plan_stage *s = &plan->stages[stage];
    int first = stage ? plan->stages[stage - 1].first_layer + 1 : 1, last = s->last_layer;
    struct tui_positions *it = sc_alloc(sizeof *it);
    int most = last - first + 2;
    if (!it)
        return NULL;
    it->at = sc_calloc((size_t)(most > 0 ? most : 1), sizeof *it->at);
    it->question = sc_calloc((size_t)(most > 0 ? most : 1), sizeof *it->question);
    it->plan = plan;
    it->stage = stage;
    it->now = s->first_layer;
    it->reason_for = -1;
    app->positions = it;
    if (!it->at || !it->question)
        return it;
    if (stage)
        it->at[it->count++] = (struct position){.delta = NAN};
    for (int layer = first; layer <= last; layer++) {
        bool now = layer == it->now;
        if (now)
            app->position_list.cursor = it->count;
        it->at[it->count++] = (struct position){layer, now ? 0 : NAN, now, now};
    }
    if (!stage)
        app->position_list.cursor = 0;
    app->position_list.count = it->count;
    return it;
}

/* The line of a position. */
static void put_line(const struct tui_app *app, const struct tui_positions *it, int index, struct sc_str *out)
{
    int layer = it->at[index].layer;
    if (layer)
        tui_cut_line(app, it->now, layer, out);
    else
        sc_str_addf(out, "nocut %s", app->graph->layers[it->now].name);
}

/* All that is not known, the nearest first. */
static void ask_positions(struct tui_app *app, struct tui_positions *it)
{
    struct sc_str lines = {0};
    it->question_count = 0;
    for (int distance = 0; distance < app->graph->layer_count; distance++)
        for (int i = 0; i < it->count; i++) {
            int away = it->at[i].layer ? abs(it->at[i].layer - it->now) : 0;
            if (away != distance || it->at[i].asked)
                continue;
            sc_str_add(&lines, it->question_count ? "\n" : "");
            put_line(app, it, i, &lines);
            it->question[it->question_count++] = i;
        }
    if (it->question_count && !lines.failed &&
        sc_worker_submit_what_if(app->worker, it->plan, sc_str_text(&lines), it->stage, false, NULL) == SC_OK)
        app->asked = TUI_ASK_POSITIONS;
    sc_str_free(&lines);
}

static void ask_reason(struct tui_app *app, struct tui_positions *it, int index)
{
    struct sc_str line = {0};
    put_line(app, it, index, &line);
    if (sc_worker_submit_what_if(app->worker, it->plan, sc_str_text(&line), -1 - index, true, NULL) == SC_OK)
        app->asked = TUI_ASK_REASON;
    sc_str_free(&line);
}

void tui_positions_update(struct tui_app *app)
{
    const struct sc_plan *plan = tui_staged_plan(app);
    int stage = app->stage_list.cursor, cursor = app->position_list.cursor;
    if (!plan || stage >= plan->stage_count) {
        tui_positions_drop(app);
        return;
    }
    struct tui_positions *it = app->positions;
    if (!it || it->plan != plan || it->stage != stage) {
        tui_positions_drop(app);
        it = make(app, plan, stage);
    }
    if (!it || !it->at || !app->worker || app->solving || tui_plan_is_old(app))
        return;
    if (app->asked == TUI_ASK_POSITIONS || app->asked == TUI_ASK_REASON)
        return;
    bool all = true;
    for (int i = 0; i < it->count; i++)
        all &= it->at[i].asked;
    if (!all)
        ask_positions(app, it);
    else if (app->pane == TUI_PANE_BESIDE && cursor < it->count && it->at[cursor].delta == INFINITY &&
             it->reason_for != cursor)
        ask_reason(app, it, cursor);
}

/* What was asked of another stage, or given up, is not ours. */
void tui_positions_answer(struct tui_app *app, struct sc_result *result)
{
    struct tui_positions *it = app->positions;
    if (!it || result->kind == SC_RESULT_ERROR) {
        for (int i = 0; it && i < it->question_count; i++) /* do not ask again and again */
            it->at[it->question[i]].asked = true;
        if (it && app->asked == TUI_ASK_REASON)
            it->reason_for = app->position_list.cursor;
        app->asked = TUI_ASK_NOTHING;
        return;
    }
    if (result->kind != SC_RESULT_WHAT_IF || result->plan != it->plan)
        return;
    if (app->asked == TUI_ASK_REASON && result->node < 0) {
        sc_free(it->reason);
        it->reason = result->why;
        result->why = NULL;
        it->reason_for = -1 - result->node;
        app->asked = TUI_ASK_NOTHING;
    } else if (app->asked == TUI_ASK_POSITIONS && result->node == it->stage && result->count == it->question_count) {
        for (int i = 0; i < result->count; i++) {
            struct position *p = &it->at[it->question[i]];
            p->delta = result->delta[i];
            p->exact = result->exact[i];
            p->asked |= !result->more || !isnan(p->delta);
        }
        if (!result->more)
            app->asked = TUI_ASK_NOTHING;
    }
}

bool tui_current_position(const struct tui_app *app, int *layer)
{
    const struct tui_positions *it = app->positions;
    int at = app->position_list.cursor;
    bool here = it && it->plan == app->plan && at < it->count;
    if (here)
        *layer = it->at[at].layer ? it->at[at].layer : it->now;
    return here;
}

/* ---- the list ---- */

enum { MARK = 2, DELTA = 11, PERCENT = 10, MOST_NAME = 24 };

static int name_width(int width)
{
    int name = width - MARK - DELTA - PERCENT;
    return name > MOST_NAME ? MOST_NAME : name;
}

static struct tui_list *list(struct tui_app *app)
{
    return &app->position_list;
}

static int count(struct tui_app *app, int width)
{
    (void)width;
    return app->positions ? app->positions->count : 0;
}

static void draw_head(struct tui_app *app, struct tui_grid *grid, struct tui_rect rect)
{
    const struct tui_positions *it = app->positions;
    int name = name_width(rect.width);
    if (!it)
        return;

    if (it->stage)
        tui_textf(grid, rect, 0, 0, TUI_TITLE, "where else stage %d may begin", it->stage);
    else
        tui_text(grid, rect, 0, 0, TUI_TITLE, "where another stage may begin");
    tui_right(grid, rect, 40, 0, rect.width - 41, TUI_DIM,
              rect.width > 90 ? "everything else solved again; Enter cuts there" : "Enter cuts there");
    tui_text(grid, rect, MARK, 1, TUI_DIM, "at layer");
    tui_right(grid, rect, MARK + name, 1, DELTA + PERCENT - 1, TUI_DIM, "\xce\x94 iteration");
}

/* The largest known loss: what a whole bar stands for. */
static double most_delta(const struct tui_positions *it)
{
    double most = 0;
    for (int i = 0; i < it->count; i++)
        if (isfinite(it->at[i].delta))
            most = fmax(most, it->at[i].delta);
    return most;
}

static void draw_delta(const struct tui_app *app, struct tui_grid *grid, struct tui_rect rect, int x,
                       const struct position *p)
{
    const struct tui_positions *it = app->positions;
    char text[32];
    if (p->layer == it->now) {
        tui_right(grid, rect, x, 0, DELTA, TUI_CHOSEN, "now");
        return;
    }
    if (isnan(p->delta)) {
        tui_right(grid, rect, x, 0, DELTA, TUI_DIM, p->asked ? "?" : "\xe2\x80\xa6");
        return;
    }
    if (!isfinite(p->delta)) {
        tui_right(grid, rect, x, 0, DELTA, TUI_BAD, "impossible");
        return;
    }
    tui_format_delta(p->delta, p->exact, "\xe2\x89\xa4", text, sizeof text);
    enum tui_role role = p->delta < 0 ? TUI_GOOD : TUI_PLAIN;
    tui_right(grid, rect, x, 0, DELTA, role, text);
    tui_format_percent(p->delta / app->plan->objective_s, text, sizeof text);
    tui_right(grid, rect, x + DELTA, 0, PERCENT - 1, p->delta < 0 ? TUI_GOOD : TUI_DIM, text);
    int bar = x + DELTA + PERCENT + 1;
    if (p->delta > 0 && rect.width - bar - 1 >= 6)
        tui_bar(grid, rect, bar, 0, rect.width - bar - 1 > 30 ? 30 : rect.width - bar - 1, p->delta / most_delta(it),
                TUI_COMM);
}

static void draw_row(struct tui_app *app, struct tui_grid *grid, struct tui_rect rect, int index)
{
    const struct tui_positions *it = app->positions;
    const struct position *p = &it->at[index];
    const struct sc_settings *settings = &app->plan->settings;
    struct tui_rect part = rect;
    int name = name_width(rect.width);
    bool pinned = p->layer && tui_cut_text(app, &settings->cuts, p->layer);
    bool forbidden = p->layer && tui_cut_text(app, &settings->no_cuts, p->layer);
    enum tui_role role = pinned ? TUI_PINNED : p->layer == it->now ? TUI_CHOSEN : TUI_PLAIN;
    uint32_t mark = pinned ? 'p' : forbidden ? 'x' : p->layer && p->layer == it->now ? 0x2605 : ' ';
    part.width = MARK + name < rect.width ? MARK + name : rect.width;
    tui_put(grid, rect, 0, 0, mark, role);
    tui_text(grid, part, MARK, 0, role, p->layer ? app->graph->layers[p->layer].name : "(no cut here)");
    draw_delta(app, grid, rect, MARK + name, p);
}

static int cursor(struct tui_app *app, int width)
{
    (void)app;
    return MARK + name_width(width) + DELTA + PERCENT;
}

static bool text(struct tui_app *app, int index, struct sc_str *out)
{
    const struct tui_positions *it = app->positions;
    char delta[32];
    if (!it || index < 0 || index >= it->count)
        return false;
    const struct position *p = &it->at[index];
    sc_str_addf(out, "%s", p->layer ? app->graph->layers[p->layer].name : "(no cut here)");
    if (isfinite(p->delta)) {
        tui_format_delta(p->delta, p->exact, "\xe2\x89\xa4", delta, sizeof delta);
        sc_str_addf(out, " %s", delta);
    } else if (!isnan(p->delta)) {
        sc_str_addf(out, " impossible%s%s", it->reason_for == index && it->reason ? ": " : "",
                    it->reason_for == index && it->reason ? it->reason : "");
    }
    return true;
}

static void enter(struct tui_app *app)
{
    struct tui_positions *it = app->positions;
    int at = app->position_list.cursor;
    struct sc_str line = {0};
    if (!it || at >= it->count || it->plan != app->plan)
        return;
    int layer = it->at[at].layer;
    put_line(app, it, at, &line);
    if (tui_apply(app, sc_str_text(&line)))
        app->followed = layer;
    sc_str_free(&line);
}

/* Why the position under the cursor is impossible, below the list. */
static void render(struct tui_app *app, struct tui_grid *grid, struct tui_rect rect)
{
    struct tui_positions *it = app->positions;
    int at = app->position_list.cursor;
    struct sc_str why = {0};
    if (it && app->pane == TUI_PANE_BESIDE && at < it->count && it->at[at].delta == INFINITY) {
        sc_str_addf(&why, "Impossible: %s",
                    it->reason_for != at        ? "asking why\xe2\x80\xa6"
                    : it->reason && *it->reason ? it->reason
                                                : "no plan has a stage begin there");
        int rows = tui_paragraph(NULL, rect, 0, TUI_BAD, sc_str_text(&why), why.length);
        if (rows > rect.height / 2)
            rows = rect.height / 2;
        struct tui_rect below = {rect.x, rect.y + rect.height - rows, rect.width, rows};
        tui_paragraph(grid, below, 0, TUI_BAD, sc_str_text(&why), why.length);
        rect.height -= rows;
    }
    tui_list_render(app, &tui_positions_view, grid, rect, TUI_PANE_BESIDE);
    for (int y = 2; tui_plan_is_old(app) && y < rect.height; y++)
        tui_tint(grid, rect, y, TUI_DIM);
    sc_str_free(&why);
}

const struct tui_view_ops tui_positions_view = {
    .name = "positions",
    .head = 2,
    .list = list,
    .count = count,
    .draw_head = draw_head,
    .draw_row = draw_row,
    .text = text,
    .enter = enter,
    .render = render,
    .cursor = cursor,
};
