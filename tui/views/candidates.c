/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Candidates of the op under the cursor: every strategy with the Δ of the whole objective were it forced, what the op
 * itself would cost with it, and why.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ui/app.h"

/* ---- what is known ---- */

static const struct sc_candidate *selected(const struct tui_app *app)
{
    return app->candidate_list.cursor < app->candidate_count ? &app->candidates[app->candidate_list.cursor] : NULL;
}

void tui_candidates_drop(struct tui_app *app)
{
    const struct sc_candidate *c = app->pane == TUI_PANE_BESIDE ? selected(app) : NULL;
    app->kept_op = c ? app->candidate_op : -1;
    snprintf(app->kept_strategy, sizeof app->kept_strategy, "%s", c ? c->strategy : "");
    sc_free(app->candidates);
    sc_free(app->why);
    sc_free(app->what_if);
    app->candidates = NULL;
    app->why = app->what_if = NULL;
    app->candidate_count = 0;
    app->candidate_op = -1;
    app->candidate_plan = NULL;
    app->candidates_refined = false;
    app->asked = TUI_ASK_NOTHING;
    app->candidate_list = (struct tui_list){0};
}

/* Another strategy than the plan's is under the cursor: what would it change? */
static const struct sc_candidate *other_selected(const struct tui_app *app)
{
    const struct sc_candidate *c = selected(app);
    return app->pane == TUI_PANE_BESIDE && c && !c->chosen ? c : NULL;
}

/* What is wanted most: what the strategy under the cursor would change, why the plan has its own, exact Δ of all. A
 * question that is no longer the most wanted gives way. */
static void ask(struct tui_app *app, const struct sc_plan *plan)
{
    const struct sc_candidate *other = other_selected(app);
    const struct sc_plan *part = sc_plan_of_op(plan, app->candidate_op);
    int node = part->costs->op_node[app->candidate_op], choice = -1;
    enum tui_question question = TUI_ASK_NOTHING;
    if (other && (!app->what_if || app->what_if_choice != other->choice)) {
        question = TUI_ASK_WHAT_IF;
        choice = other->choice;
    } else if (!app->why) {
        question = TUI_ASK_WHY;
    } else if (!app->candidates_refined) {
        question = TUI_ASK_DELTA;
    }
    if (question == TUI_ASK_NOTHING || (question == app->asked && choice == app->asked_choice))
        return;
    enum sc_status status = question == TUI_ASK_DELTA
                                ? sc_worker_submit_delta(app->worker, part, node, NULL)
                                : sc_worker_submit_why(app->worker, plan, app->candidate_op, choice, NULL);
    app->asked = status == SC_OK ? question : TUI_ASK_NOTHING;
    app->asked_choice = choice;
}

void tui_candidates_update(struct tui_app *app)
{
    int op = tui_current_op(app);
    const struct sc_plan *plan = app->plan && app->plan->choice && app->plan->graph == app->graph ? app->plan : NULL;
    if (app->candidate_op != op || app->candidate_plan != plan) {
        bool kept = app->kept_op >= 0 && app->kept_op == op;
        if (!kept)
            tui_candidates_drop(app);
        app->candidate_op = op;
        app->candidate_plan = plan;
        if (plan && op >= 0)
            sc_plan_candidates(plan, op, &app->candidates, &app->candidate_count, NULL);
        app->candidate_list.count = app->candidate_count;
        for (int i = 0; i < app->candidate_count; i++)
            if (kept ? strcmp(app->candidates[i].strategy, app->kept_strategy) == 0 : app->candidates[i].chosen)
                app->candidate_list.cursor = i;
        app->kept_op = -1;
    }
    if (plan && op >= 0 && !app->solving && app->worker)
        ask(app, plan);
}

static void refine(struct tui_app *app, const struct sc_result *result)
{
    const struct sc_candidate *c = selected(app);
    int choice = c ? c->choice : -1;
    sc_plan_candidates_refine(app->plan, app->candidate_op, app->candidates, app->candidate_count, result->delta,
                              result->exact);
    for (int i = 0; i < app->candidate_count; i++)
        if (app->candidates[i].choice == choice)
            app->candidate_list.cursor = i;
}

void tui_candidates_answer(struct tui_app *app, struct sc_result *result)
{
    bool delta = result->kind == SC_RESULT_DELTA, current = app->candidate_plan && app->candidate_plan == app->plan;
    if (app->asked == TUI_ASK_NOTHING || !current)
        return;
    const struct sc_plan *part = sc_plan_of_op(app->plan, app->candidate_op);
    bool ours = result->kind == SC_RESULT_ERROR || /* or one about an op, or a strategy, that was left meanwhile? */
                (result->plan == (delta ? part : app->plan) &&
                 result->node == (delta ? part->costs->op_node[app->candidate_op] : app->candidate_op) &&
                 delta == (app->asked == TUI_ASK_DELTA) && (delta || result->choice == app->asked_choice));
    if (!ours)
        return;
    if (app->asked == TUI_ASK_DELTA) {
        if (delta && result->count == app->candidate_count)
            refine(app, result);
        app->candidates_refined = true;
    } else {
        char **text = app->asked == TUI_ASK_WHY ? &app->why : &app->what_if;
        sc_free(*text);
        *text = result->why ? result->why : sc_calloc(1, 1);
        result->why = NULL;
        if (app->asked == TUI_ASK_WHAT_IF)
            app->what_if_choice = app->asked_choice;
    }
    app->asked = TUI_ASK_NOTHING;
}

const char *tui_why_text(const struct tui_app *app, bool *about_other)
{
    const struct sc_candidate *other = other_selected(app);
    *about_other = other != NULL;
    return !other ? app->why : app->what_if_choice == other->choice ? app->what_if : NULL;
}

/* ---- the list ---- */

/* Columns: a mark, the strategy, Δ in seconds and per cent, then as many of the op's own costs as there is room for. */
struct columns {
    int name, costs;
};

enum { MARK = 2, DELTA = 20, COST = 9 };

static struct columns measure(int width)
{
    struct columns c = {.name = width - MARK - DELTA, .costs = 0};
    while (c.costs < 3 && c.name - COST >= 14) {
        c.costs++;
        c.name -= COST;
    }
    if (c.name > 26)
        c.name = 26;
    return c;
}

static void draw_delta(struct tui_grid *grid, struct tui_rect rect, int x, int y, const struct sc_candidate *c,
                       double objective)
{
    char text[32];
    if (c->chosen) {
        tui_right(grid, rect, x, y, 10, TUI_CHOSEN, "now");
        return;
    }
    if (c->delta_s == -INFINITY) { /* no bound was found */
        tui_right(grid, rect, x, y, 10, TUI_DIM, "?");
        return;
    }
    if (!isfinite(c->delta_s)) {
        tui_right(grid, rect, x, y, DELTA - 1, TUI_BAD, "impossible");
        return;
    }
    tui_format_delta(c->delta_s, c->exact, "\xe2\x89\xa5", text, sizeof text);
    tui_right(grid, rect, x, y, 10, !c->exact ? TUI_DIM : c->delta_s < 0 ? TUI_GOOD : TUI_PLAIN, text);
    tui_format_percent(c->delta_s / objective, text, sizeof text);
    tui_right(grid, rect, x + 10, y, DELTA - 11, c->delta_s < 0 && c->exact ? TUI_GOOD : TUI_DIM, text);
}

static void draw_row(struct tui_app *app, struct tui_grid *grid, struct tui_rect rect, int index)
{
    const struct sc_candidate *c = &app->candidates[index];
    const int y = 0;
    const struct columns columns = measure(rect.width);
    const struct {
        double value;
        void (*format)(double value, char *out, size_t size);
        enum tui_role role;
    } costs[] = {{c->compute_s, sc_format_seconds, TUI_COMPUTE},
                 {c->collective_s, sc_format_seconds, TUI_COMM},
                 {c->memory_bytes, sc_format_bytes, TUI_MEMORY}};
    enum tui_role role = c->pinned ? TUI_PINNED : c->chosen ? TUI_CHOSEN : TUI_PLAIN;
    struct tui_rect part = rect;
    int x = MARK + columns.name;
    part.width = x < rect.width ? x : rect.width;
    tui_put(grid, rect, 0, y, c->pinned ? 'p' : c->chosen ? 0x2605 : ' ', role);
    tui_text(grid, part, MARK, y, role, c->strategy);
    draw_delta(grid, rect, x, y, c, app->plan->objective_s);
    x += DELTA;
    for (int i = 0; i < columns.costs; i++, x += COST) {
        char text[32] = "\xc2\xb7";
        if (costs[i].value > 0)
            costs[i].format(costs[i].value, text, sizeof text);
        tui_right(grid, rect, x, y, COST, costs[i].value > 0 ? costs[i].role : TUI_DIM, text);
    }
}

static const char *what_delta_is(const struct sc_plan *plan)
{
    if (plan && plan->stage_count > 1)
        return "\xce\x94 of its stage";
    return plan && plan->choice && plan->status != SC_SOLVED_OPTIMAL ? "\xce\x94 at least" : "\xce\x94 iteration";
}

static void draw_head(struct tui_app *app, struct tui_grid *grid, struct tui_rect rect)
{
    const struct tui_row *row = tui_row_at(app, app->list.cursor);
    if (!row || row->cut)
        return;
    static const char *const heads[] = {"compute", "comm", "memory"};
    const struct columns columns = measure(rect.width);
    const struct sc_op *o = &app->graph->ops[row->op];
    char copies[48] = "";
    struct tui_rect part = rect;
    if (row->copies > 1)
        snprintf(copies, sizeof copies,
                 rect.width >= 70 ? "\xce\x94 of one copy, p pins all %d" : "\xce\x94 one of \xc3\x97%d", row->copies);
    tui_right(grid, rect, 0, 0, rect.width - 1, TUI_DIM, copies);
    part.width -= tui_text_width(copies) + 2;
    int end = tui_text(grid, part, 0, 0, TUI_TITLE, o->name);
    end = tui_text(grid, part, end + 2, 0, TUI_PLAIN, o->kind->name);
    tui_text(grid, part, end + 2, 0, TUI_DIM, o->rule->text);
    tui_text(grid, rect, MARK, 1, TUI_DIM, "strategy");
    tui_right(grid, rect, MARK + columns.name, 1, DELTA - 1, TUI_DIM, what_delta_is(app->plan));
    for (int i = 0; i < columns.costs; i++)
        tui_right(grid, rect, MARK + columns.name + DELTA + COST * i, 1, COST, TUI_DIM, heads[i]);
}

static struct tui_list *list(struct tui_app *app)
{
    return &app->candidate_list;
}

static int count(struct tui_app *app, int width)
{
    (void)width;
    return app->candidate_count;
}

static bool text(struct tui_app *app, int index, struct sc_str *out)
{
    if (index < 0 || index >= app->candidate_count)
        return false;
    sc_str_add(out, app->candidates[index].strategy);
    return true;
}

static void enter(struct tui_app *app)
{
    tui_command_find("pin-this")->run(app, "");
}

const struct tui_view_ops tui_candidates_view = {
    .name = "candidates",
    .head = 2,
    .list = list,
    .count = count,
    .draw_head = draw_head,
    .draw_row = draw_row,
    .text = text,
    .enter = enter,
};

/* ---- beside the graph ---- */

bool tui_render_conflict(const struct tui_app *app, struct tui_grid *grid, struct tui_rect rect)
{
    const struct sc_plan *plan = app->plan;
    int y = 2;
    if (!plan || plan->choice || !plan->conflict_count || app->solving)
        return false;
    tui_text(grid, rect, 0, 0, TUI_BAD, "No plan satisfies these together:");
    for (int i = 0; i < plan->conflict_count; i++) {
        struct tui_rect line = {rect.x + 2, rect.y + y, rect.width - 2, rect.height - y};
        y += tui_paragraph(grid, line, 0, TUI_PLAIN, plan->conflicts[i], strlen(plan->conflicts[i]));
    }
    tui_text(grid, rect, 0, y + 1, TUI_DIM,
             plan->settings.stages_max ? "u takes the last change back; :uncut LAYER and :set memory GIB loosen one"
                                       : "u takes the last change back; :unpin GLOB and :set memory GIB loosen one");
    return true;
}

/* A line between stages: what passes there. */
static void draw_cut(const struct tui_app *app, struct tui_grid *grid, struct tui_rect rect, const struct tui_row *row)
{
    const struct sc_plan *plan = tui_staged_plan(app);
    struct sc_str text = {0};
    char name[256];
    if (!plan || row->cut >= plan->stage_count)
        return;
    tui_row_name(app, row, name, sizeof name);
    tui_textf(grid, rect, 0, 0, TUI_TITLE, "%s: stage %d begins", name, row->cut);
    tui_describe_transfer(plan, row->cut, &text);
    sc_str_add(&text, "c pins it here, < and > move it, C forbids it, x takes back what you said. "
                      "3 shows what other positions would cost.");
    int y = 2;
    for (const char *line = sc_str_text(&text); *line; line += *line == '\n') {
        struct tui_rect part = {rect.x, rect.y + y, rect.width, rect.height - y};
        size_t length = strcspn(line, "\n");
        y += tui_paragraph(grid, part, 0, TUI_PLAIN, line, length);
        line += length;
    }
    sc_str_free(&text);
}

/* The list has the room it needs, but leaves half of it to the reasons when they need that. */
void tui_render_candidates(struct tui_app *app, struct tui_grid *grid, struct tui_rect rect)
{
    const struct tui_row *row = tui_row_at(app, app->list.cursor);
    struct tui_rect body = {rect.x, rect.y + 2, rect.width, rect.height - 2}, reasons = body;
    if (!row || tui_render_conflict(app, grid, rect))
        return;
    if (row->cut) {
        draw_cut(app, grid, rect, row);
        return;
    }
    if (row->fold) {
        tui_render_fold(app, grid, rect, row);
        return;
    }
    if (!app->candidate_count) {
        draw_head(app, grid, rect);
        tui_text(grid, body, 2, 0, TUI_DIM, app->solving ? "solving\xe2\x80\xa6" : "no plan to compare with");
        return;
    }
    if (body.height >= 8) {
        int half = body.height / 2 < 4 ? 4 : body.height / 2, most = body.height - half;
        int wanted = tui_render_why(app, NULL, body) + 1, rest = body.height - app->candidate_count;
        reasons.height = rest > most ? rest : most < wanted ? most : wanted;
        reasons.y += body.height - reasons.height;
        rect.height -= reasons.height;
        tui_render_why(app, grid, reasons);
    }
    tui_list_render(app, &tui_candidates_view, grid, rect, TUI_PANE_BESIDE);
    for (int y = 2; tui_plan_is_old(app) && y < rect.height; y++)
        tui_tint(grid, rect, y, TUI_DIM);
}
