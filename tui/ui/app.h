/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ui: the explorer's state and what may be done to it. Commands change state; views only read it.
 */
#ifndef TUI_UI_APP_H
#define TUI_UI_APP_H

#include "plan/plan.h"
#include "term/term.h"
#include "worker/worker.h"

/* ---- views ---- */

enum tui_view_id {
    TUI_VIEW_GRAPH,
    TUI_VIEW_STAGES,
    TUI_VIEW_TIMELINE,
    TUI_VIEW_WHY,
    TUI_VIEW_HELP,
    TUI_VIEW_LOG,
    TUI_VIEW_PICKER,
    TUI_VIEW_COUNT
};
/* Of a view, and what is beside it: the graph and candidates, stages and positions of a cut. */
enum tui_pane { TUI_PANE_MAIN, TUI_PANE_BESIDE };

/* A list with a cursor that is kept in sight. */
struct tui_list {
    int cursor, top, count;
};
void tui_list_move(struct tui_list *list, int by);
void tui_list_show(struct tui_list *list, int height); /* scrolls so that the cursor is within */
struct tui_app;
/* The same, and remember where it is drawn. */
void tui_list_place(struct tui_app *app, struct tui_list *list, struct tui_rect rect, enum tui_pane pane);

/* A row of the graph view: an op, or the head of a folded run of copies. */
struct tui_row {
    int op;     /* OP: itself. FOLD: the first op of the run */
    int copies; /* of the block that this row stands for; 1 outside blocks */
    int length; /* ops of one copy; copies of an op are `length` apart */
    int repeat; /* index of the graph's repeat, -1: none */
    int depth;
    bool fold, open;
    int cut; /* 0; or the line above stage `cut`, whose first op in sight is `op`: no copies, no costs */
};
struct tui_rows {
    struct tui_row *at;
    int count;
};

enum { TUI_MAX_LANES = 12 };
/* Lines of the gutter beside a row: for each lane a mask of neighbours that the cell connects to. */
enum { TUI_LANE_UP = 1, TUI_LANE_DOWN = 2, TUI_LANE_LEFT = 4, TUI_LANE_RIGHT = 8 };
struct tui_gutter {
    int lanes; /* used anywhere */
    uint8_t (*mask)[2 * TUI_MAX_LANES];
    int8_t *node; /* lane of a row's own mark */
    bool bundled; /* more lanes were wanted than there are */
};

/* What the worker can be asked: about an op; about a cut; for the timeline. One question at a time. */
enum tui_question {
    TUI_ASK_NOTHING,
    TUI_ASK_WHAT_IF,
    TUI_ASK_WHY,
    TUI_ASK_DELTA,
    TUI_ASK_POSITIONS,
    TUI_ASK_REASON,
    TUI_ASK_TIMELINE
};

/* Where a list was drawn, for the mouse. */
struct tui_hit {
    struct tui_rect rect;
    struct tui_list *list;
    enum tui_pane pane;
};

struct tui_app {
    struct tui_term *term;
    struct tui_grid grid;
    struct tui_hit hits[2];
    int hit_count;
    bool mouse;
    struct sc_loader loader;
    struct sc_planner *planner; /* of the interface thread: only loads */
    struct sc_worker *worker;   /* NULL in tests of views */
    struct sc_session *session; /* NULL until a model is chosen */
    struct sc_graph *graph;     /* what is shown; the plan's own when there is one */
    struct sc_cluster *cluster;
    struct sc_plan *plan;   /* newest; NULL: none yet */
    struct sc_plan *before; /* that was shown when the last one was asked for; NULL: none */
    uint64_t wanted;        /* revision that was asked for */
    bool solving, cancelled;
    double solve_started;

    enum tui_view_id view;
    enum tui_pane pane;
    struct tui_rows rows;
    struct tui_gutter gutter;
    bool rows_stale;
    struct tui_list list; /* over rows */
    bool show_parameters;
    struct sc_map open, unrolled; /* by name of the first op of a run; of a repeat */
    char filter[64], search[64];
    struct tui_list candidate_list;
    struct sc_candidate *candidates;
    int candidate_count, candidate_op;
    char kept_strategy[64]; /* under the cursor of kept_op's candidates when a newer plan came */
    int kept_op;
    const struct sc_plan *candidate_plan; /* that they are of; borrowed, compared only */
    bool candidates_refined;
    enum tui_question asked; /* of the worker, and not answered yet */
    int asked_choice;
    char *why;     /* against the best alternative; NULL: not known yet */
    char *what_if; /* against what_if_choice; NULL: not known yet */
    int what_if_choice;

    struct tui_list stage_list, position_list; /* stages of the plan, also in the timeline; see views/positions.c */
    struct tui_positions *positions;           /* NULL until they are shown */
    struct tui_time *time;                     /* of the timeline view; NULL until it is shown */
    int followed; /* a layer: when a plan comes whose stage begins there, the cursor goes to that cut; 0: none */

    enum tui_view_id why_of; /* the view that `why` explains: the graph's op, or the timeline */
    struct tui_list why_list, help_list, log_list, picker_list;
    struct tui_picker *picker; /* of the picker view; NULL until it is shown */
    SC_VEC(char *) log;
    char message[512];
    enum tui_role message_role;
    char session_path[512];
    bool recovered; /* the session is that of a terminal that went away, not saved since */

    /* The line editor: ':' commands, '/' search, 'f' filter. 0: not editing. */
    int editing;
    char line[1024];
    int line_length, line_cursor;
    SC_VEC(char *) history;
    int history_at;
    bool confirm_quit;
    bool quit;
    int last_key; /* for gg, zM … */
};

/* ---- life ---- */

struct tui_start {
    const struct sc_settings *settings; /* model may be empty: the picker */
    const char *session;                /* file, or NULL */
    bool ascii, threads;                /* threads false: no worker (tests of views) */
};
enum sc_status tui_app_new(const struct tui_start *start, struct tui_app **out, struct sc_error *err);
void tui_app_use_term(struct tui_app *app, struct tui_term *term); /* borrowed; before anything is drawn */
void tui_app_free(struct tui_app *app);
void tui_app_draw(struct tui_app *app);         /* renders and shows */
void tui_app_key(struct tui_app *app, int key); /* one key */
void tui_app_results(struct tui_app *app);      /* takes what the worker finished */
void tui_app_settle(struct tui_app *app);       /* waits until the solver is idle: scripts and tests */
int tui_app_loop(struct tui_app *app);          /* until it quits; an exit status */
int tui_app_script(struct tui_app *app, const char *path, struct sc_error *err);

/* ---- doing ---- */

void tui_say(struct tui_app *app, enum tui_role role, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* A session command; says what went wrong, submits a solve when it changed something. */
bool tui_apply(struct tui_app *app, const char *command);
void tui_run(struct tui_app *app, const char *line); /* a ':' line */
/* Plan the session's settings: until proven when `to_the_end`, else for as long as somebody may wait. */
void tui_submit(struct tui_app *app, bool to_the_end);
bool tui_plan_is_old(const struct tui_app *app); /* there is one, but of settings from before the last change */
/* "within 0.4 % of optimal", "optimal", …; brief: "gap 0.4 %" */
enum tui_role tui_describe_gap(const struct sc_plan *plan, bool brief, struct sc_str *out);
bool tui_open(struct tui_app *app, const char *path); /* a model, a sample by name, or a session */
bool tui_is_session(const char *path);
void tui_set_plan(struct tui_app *app, struct sc_plan *plan); /* takes the reference */

/* ---- what outlives the program (ui/state.c) ---- */

void tui_history_add(struct tui_app *app, const char *line);
void tui_history_load(struct tui_app *app);
void tui_history_save(const struct tui_app *app);
void tui_autosave(struct tui_app *app);         /* what is not saved, when the terminal goes away */
void tui_autosave_mention(struct tui_app *app); /* says so when there is one */
bool tui_autosave_path(char *out, size_t size); /* false: there is none */
void tui_autosave_drop(struct tui_app *app);    /* when a recovered session is saved or given up */

/* ---- rows (views/rows.c), lanes (views/lanes.c) ---- */

void tui_rows_build(struct tui_app *app);
const struct tui_row *tui_row_at(const struct tui_app *app, int index); /* NULL when out of range */
int tui_current_op(const struct tui_app *app);                          /* -1: none */
void tui_row_name(const struct tui_app *app, const struct tui_row *row, char *out, size_t size);
void tui_row_cost(const struct tui_app *app, const struct tui_row *row, struct sc_op_cost *out);
/* A glob for the row's op over all its copies, or the commands that `verb` each copy by name. */
void tui_row_command(const struct tui_app *app, const struct tui_row *row, const char *verb, const char *strategy,
                     struct sc_str *out);
bool tui_row_pinned(const struct tui_app *app, const struct tui_row *row);
void tui_rows_select_op(struct tui_app *app, int op);
void tui_gutter_build(struct tui_app *app);
void tui_gutter_free(struct tui_gutter *gutter);
void tui_candidates_update(struct tui_app *app);
void tui_picker_free(struct tui_picker *picker); /* NULL is allowed */
void tui_candidates_drop(struct tui_app *app);   /* before the plan or graph they belong to goes */

/* ---- views ---- */

/* A view is a list under a head, drawn by rows: one function shows the part in sight, one writes all of it as text.
 * A new view is a file with one of these, and a row in the table of ui/screen.c. */
struct tui_view_ops {
    const char *name; /* also the context of its commands */
    int head;         /* rows above the list */
    bool detail;      /* rows may be cut: the one under the cursor is shown in full below */
    struct tui_list *(*list)(struct tui_app *app);
    int (*count)(struct tui_app *app, int width); /* rows, in that many columns */
    void (*draw_head)(struct tui_app *app, struct tui_grid *grid, struct tui_rect rect);
    void (*draw_row)(struct tui_app *app, struct tui_grid *grid, struct tui_rect rect, int index); /* rect: a row */
    bool (*text)(struct tui_app *app, int index, struct sc_str *out); /* to search and to copy; false past the end */
    void (*enter)(struct tui_app *app);                               /* Enter; NULL: nothing */
    void (*update)(struct tui_app *app); /* before a paint: find what is missing; NULL: nothing */
    void (*render)(struct tui_app *app, struct tui_grid *grid, struct tui_rect rect); /* NULL: the list fills it */
    int (*cursor)(struct tui_app *app, int width); /* columns of a row that the cursor covers; NULL: all */
    void (*write)(struct tui_app *app,
                  struct sc_str *out); /* what the text of the view has below rows; NULL: nothing */
};
extern const struct tui_view_ops tui_graph_view, tui_why_view, tui_help_view, tui_log_view, tui_picker_view;
extern const struct tui_view_ops tui_stages_view, tui_timeline_view;
extern const struct tui_view_ops tui_candidates_view, tui_positions_view; /* beside the graph, beside stages */
const struct tui_view_ops *tui_view(const struct tui_app *app);
const struct tui_view_ops *tui_view_at(int index);
void tui_view_render(struct tui_app *app, const struct tui_view_ops *view, struct tui_grid *grid, struct tui_rect rect);
void tui_list_render(struct tui_app *app, const struct tui_view_ops *view, struct tui_grid *grid, struct tui_rect rect,
                     enum tui_pane pane);
/* The whole view as text, `width` columns wide; false: out of memory. */
bool tui_view_write(struct tui_app *app, const struct tui_view_ops *view, int width, struct sc_str *out);
const struct tui_view_ops *tui_focused(const struct tui_app *app); /* the view, or the pane that has the cursor */
/* Parts of the graph view: candidates of an op, below them why; what a folded block costs. */
void tui_candidates_answer(struct tui_app *app, struct sc_result *result);            /* may take result->why */
const char *tui_why_text(const struct tui_app *app, bool *about_other);               /* NULL: not known yet */
int tui_render_why(struct tui_app *app, struct tui_grid *grid, struct tui_rect rect); /* rows; grid NULL: only counts */
void tui_render_fold(const struct tui_app *app, struct tui_grid *grid, struct tui_rect rect, const struct tui_row *row);
void tui_render_candidates(struct tui_app *app, struct tui_grid *grid, struct tui_rect rect);
/* Which constraints have no plan; false, and nothing drawn, when that is not so. */
bool tui_render_conflict(const struct tui_app *app, struct tui_grid *grid, struct tui_rect rect);

/* ---- stages and cuts ---- */

/* The plan with its stages, when it is of the graph that is shown; else NULL. */
const struct sc_plan *tui_staged_plan(const struct tui_app *app);
void tui_describe_cut(const struct sc_plan *plan, int stage, struct sc_str *out); /* "1×4→1×4  10 MiB  0.9 ms" */
/* Sentences, one a line: what passes to stage `stage` from the one before, and how long both are busy with it. */
void tui_describe_transfer(const struct sc_plan *plan, int stage, struct sc_str *out);
int tui_current_cut(const struct tui_app *app);   /* the stage that begins at the cut under the cursor; 0: none */
int tui_current_layer(const struct tui_app *app); /* at which `c` would cut; -1: none */
void tui_select_stage(struct tui_app *app, int stage);
/* The text by which settings speak of a layer; NULL: they do not. */
const char *tui_cut_text(const struct tui_app *app, const struct sc_texts *texts, int layer);
/* Session commands that cut at `layer`; with `from` (a layer, or 0), instead of there. */
void tui_cut_line(const struct tui_app *app, int from, int layer, struct sc_str *out);
/* "+1.20 s", with its sign; "≤" in front unless exact. */
void tui_format_delta(double seconds, bool exact, const char *mark, char *out, size_t size);
void tui_format_percent(double fraction, char *out, size_t size); /* "+6.72 %", three significant digits */
/* What the worker's answers about a plan are kept in: asked for by a view's update, dropped with the plan. */
void tui_positions_update(struct tui_app *app);
void tui_positions_answer(struct tui_app *app, struct sc_result *result);
void tui_positions_drop(struct tui_app *app);
bool tui_current_position(const struct tui_app *app, int *layer); /* under the cursor beside stages; false: none */
void tui_timeline_answer(struct tui_app *app, struct sc_result *result); /* may take from it */
void tui_timeline_drop(struct tui_app *app);
const char *tui_timeline_words(const struct tui_app *app); /* NULL: there is no timeline */
/* Timeline: steps in time (by events), windows, zoom (0: all of it); another schedule, by name, or the next. */
void tui_timeline_step(struct tui_app *app, int by);
void tui_timeline_page(struct tui_app *app, int by);
void tui_timeline_end(struct tui_app *app, bool last);
void tui_timeline_zoom(struct tui_app *app, double factor);
void tui_timeline_schedule(struct tui_app *app, const char *arguments);
/* Header, body, message and bottom bar. */
void tui_render(struct tui_app *app, struct tui_grid *grid);

/* ---- commands (ui/command.c) ---- */

struct tui_command {
    const char *name;
    const char *keys;    /* separated by spaces: "j Down"; "gg" is two keys */
    const char *context; /* views it works in; "" everywhere */
    const char *arguments, *help;
    void (*run)(struct tui_app *app, const char *arguments);
    bool undoable;
    const char *bar; /* label in the bottom bar; NULL: not there */
};
const struct tui_command *tui_command_at(size_t index); /* NULL past the end */
const struct tui_command *tui_command_find(const char *name);
bool tui_command_in(const struct tui_command *command, const char *view); /* does it work there? */
/* The command of a key in a context; `previous` is the key before, for pairs. *wait: the key may begin a pair. */
const struct tui_command *tui_command_of_key(const char *context, int previous, int key, bool *wait);

/* ---- line editor and completion ---- */

void tui_edit_begin(struct tui_app *app, int kind, const char *text);
void tui_edit_key(struct tui_app *app, int key);
/* Completes the line in place; says the possibilities when there are several. */
void tui_complete(struct tui_app *app);

#endif
