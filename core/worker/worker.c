/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The worker thread. GLPK keeps its state by thread, so the planner lives and dies on it. All shared fields are behind
 * one mutex; a job holds copies of what it needs.
 */
#include "worker/internal.h"

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { STACK_SIZE = 16 << 20 };
/* Work units of the first round for each mesh, some tens of milliseconds; how many times more each further one has. */
enum { FIRST_WORK = 50000, MORE_WORK = 8 };
static const uint64_t most_work = UINT64_C(1) << 50; /* of a round that has a limit */
enum job_kind { JOB_NONE, JOB_PLAN, JOB_DELTA, JOB_WHY, JOB_WHAT_IF, JOB_TIMELINE };

struct job {
    enum job_kind kind;
    struct sc_settings settings; /* PLAN */
    double time_limit;           /* PLAN: seconds; 0: none */
    uint64_t revision;
    struct sc_plan *plan; /* of a question */
    int node, choice;     /* or what else the question is marked by, as in its result */
    char *lines;          /* WHAT_IF */
    bool reasons;
    bool cancelled; /* before it began */
};

struct sc_worker {
    const struct worker_engine *engine;
    const struct sc_loader *loader;
    struct sc_progress *progress;
    pthread_t thread;
    int pipe[2]; /* holds a byte while a result waits */
    struct {
        uint64_t settings, work; /* hash of those that were stopped; of the round that was cut */
    } cut;                       /* the thread's own */
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    /* Behind the mutex, but for `cancel`, which the job reads as it likes: */
    bool quit;
    enum job_kind running;
    bool superseded; /* the running job: nobody wants its result any more */
    struct sc_cancel cancel;
    double started;
    struct job next;
    enum job_kind result_of;
    struct sc_result result;
};

static void job_free(struct job *job)
{
    sc_settings_free(&job->settings);
    sc_plan_free(job->plan);
    sc_free(job->lines);
    *job = (struct job){0};
}

void sc_result_free(struct sc_result *result)
{
    sc_plan_free(result->plan);
    sc_free(result->delta);
    sc_free(result->exact);
    sc_free(result->why);
    sc_timeline_free(result->timeline);
    *result = (struct sc_result){0};
}

/* ---- the thread ---- */

/* Puts a result where the interface takes it. Differences do not push out the end of a plan that nobody has read. */
static void publish(struct sc_worker *worker, enum job_kind kind, struct sc_result *result)
{
    bool unread = worker->result.kind != SC_RESULT_NONE;
    if (worker->superseded || worker->quit || (unread && kind != JOB_PLAN && worker->result_of == JOB_PLAN)) {
        sc_result_free(result);
        return;
    }
    sc_result_free(&worker->result);
    worker->result = *result;
    worker->result_of = kind;
    if (!unread) {
        ssize_t put = write(worker->pipe[1], "", 1);
        (void)put; /* the pipe was empty */
    }
}

/* ---- a plan, in rounds ---- */

static int obeyed(const struct sc_plan *plan)
{
    int count = 0;
    for (int i = 0; i < plan->pin_count; i++)
        count += plan->pins[i].state == SC_PIN_OBEYED;
    return count;
}

/* Is the later plan to be shown rather than the one before? */
static bool better(const struct sc_plan *later, const struct sc_plan *before)
{
    if (!before || !before->choice)
        return true;
    if (!later->choice)
        return false;
    if (obeyed(later) != obeyed(before))
        return obeyed(later) > obeyed(before);
    if (later->objective_s != before->objective_s)
        return later->objective_s < before->objective_s;
    return later->status == SC_SOLVED_OPTIMAL || later->bound_s > before->bound_s;
}

static bool proven(const struct sc_plan *plan)
{
    return plan->status == SC_SOLVED_OPTIMAL || plan->status == SC_SOLVED_INFEASIBLE ||
           (plan->choice && plan->gap <= plan->settings.gap);
}

/* Shows a plan while work on it goes on. */
static void publish_round(struct sc_worker *worker, const struct sc_plan *plan)
{
    struct sc_result result = {
        .kind = SC_RESULT_PLAN, .more = true, .revision = plan->revision, .plan = sc_plan_share(plan)};
    pthread_mutex_lock(&worker->mutex);
    publish(worker, JOB_PLAN, &result);
    pthread_mutex_unlock(&worker->mutex);
}

/* Rounds are limited by work, so that what they find, and with it which of several best plans is proven in the end, is
 * the same on every machine; only how far they come within the time is not. */
static enum sc_status run_rounds(struct sc_worker *worker, void *engine, const struct job *job, struct sc_plan **out,
                                 struct sc_error *err)
{
    struct sc_plan_request request = {.settings = &job->settings,
                                      .revision = job->revision,
                                      .deltas = true,
                                      .cancel = &worker->cancel,
                                      .progress = worker->progress};
    uint64_t settings = sc_settings_hash(&job->settings);
    enum sc_status status = SC_OK;
    bool more = true;
    request.work_limit = worker->cut.settings == settings && worker->cut.work ? worker->cut.work : FIRST_WORK;
    while (more) {
        struct sc_plan *plan = NULL;
        uint64_t before = worker->cancel.work;
        status = worker->engine->plan(engine, &request, &plan, err);
        bool cut = request.work_limit && worker->cancel.work - before >= request.work_limit;
        more = status == SC_OK && cut && !proven(plan) && !sc_cancelled(&worker->cancel);
        if (status == SC_OK && better(plan, *out)) {
            sc_plan_free(*out);
            *out = plan;
            if (more && plan->choice)
                publish_round(worker, plan);
        } else {
            sc_plan_free(plan);
        }
        if (more)
            request.work_limit = request.work_limit < most_work ? request.work_limit * MORE_WORK : 0;
    }
    worker->cut.settings = settings;
    worker->cut.work = sc_cancelled(&worker->cancel) ? request.work_limit : 0;
    return *out && status == SC_CANCELLED ? SC_OK : status;
}

/* ---- what changes would cost ---- */

/* Shows the answers that there are. */
static enum sc_status publish_answers(struct sc_worker *worker, const struct job *job, const struct sc_result *so_far,
                                      struct sc_error *err)
{
    struct sc_result result = {.kind = SC_RESULT_WHAT_IF,
                               .more = true,
                               .revision = job->revision,
                               .node = job->node,
                               .count = so_far->count,
                               .delta = sc_calloc((size_t)so_far->count, sizeof *result.delta),
                               .exact = sc_calloc((size_t)so_far->count, sizeof *result.exact)};
    if (!result.delta || !result.exact) {
        sc_result_free(&result);
        return sc_fail(err, SC_NO_MEMORY, "no memory for answers");
    }
    memcpy(result.delta, so_far->delta, (size_t)so_far->count * sizeof *result.delta);
    memcpy(result.exact, so_far->exact, (size_t)so_far->count * sizeof *result.exact);
    result.plan = sc_plan_share(job->plan);
    pthread_mutex_lock(&worker->mutex);
    publish(worker, JOB_WHAT_IF, &result);
    pthread_mutex_unlock(&worker->mutex);
    return SC_OK;
}

static enum sc_status run_what_ifs(struct sc_worker *worker, void *engine, struct job *job, struct sc_result *out,
                                   struct sc_error *err)
{
    enum sc_status status = SC_OK;
    out->count = 1;
    for (const char *c = job->lines; *c; c++)
        out->count += *c == '\n';
    out->delta = sc_calloc((size_t)out->count, sizeof *out->delta);
    out->exact = sc_calloc((size_t)out->count, sizeof *out->exact);
    if (!out->delta || !out->exact)
        return sc_fail(err, SC_NO_MEMORY, "no memory for answers");
    for (int i = 0; i < out->count; i++)
        out->delta[i] = NAN;
    char *line = job->lines;
    for (int i = 0; i < out->count && status == SC_OK; i++) {
        char *end = strchr(line, '\n');
        if (end)
            *end = '\0';
        sc_free(out->why);
        out->why = NULL;
        status = worker->engine->what_if(engine, job->plan, line, job->reasons, &worker->cancel, &out->delta[i],
                                         &out->exact[i], &out->why, err);
        line = end ? end + 1 : line;
        if (status == SC_OK && end)
            status = publish_answers(worker, job, out, err);
    }
    return status;
}

/* A question about a plan. */
static enum sc_status answer(struct sc_worker *worker, void *engine, struct job *job, struct sc_result *out,
                             struct sc_error *err)
{
    struct sc_cancel *cancel = &worker->cancel;
    enum sc_status status = SC_OK;
    if (job->kind == JOB_DELTA)
        status = worker->engine->delta(job->plan, job->node, cancel, out, err);
    else if (job->kind == JOB_WHY)
        status = worker->engine->why(job->plan, job->node, job->choice, cancel, out, err);
    else if (job->kind == JOB_WHAT_IF)
        status = run_what_ifs(worker, engine, job, out, err);
    else
        status = worker->engine->timeline(job->plan, (enum sc_schedule)job->node, job->choice, cancel, out, err);
    if (status == SC_OK)
        out->plan = sc_plan_share(job->plan);
    return status;
}

static void run(struct sc_worker *worker, void *engine, struct job *job, struct sc_result *out)
{
    static const enum sc_result_kind kinds[] = {[JOB_PLAN] = SC_RESULT_PLAN,
                                                [JOB_DELTA] = SC_RESULT_DELTA,
                                                [JOB_WHY] = SC_RESULT_WHY,
                                                [JOB_WHAT_IF] = SC_RESULT_WHAT_IF,
                                                [JOB_TIMELINE] = SC_RESULT_TIMELINE};
    struct sc_error error = {0};
    enum sc_status status = SC_OK;
    *out = (struct sc_result){
        .kind = kinds[job->kind], .revision = job->revision, .node = job->node, .choice = job->choice};
    if (!engine) {
        status = sc_fail(&error, SC_NO_MEMORY, "no memory for a planner");
    } else if (job->kind == JOB_PLAN) {
        status = run_rounds(worker, engine, job, &out->plan, &error);
    } else {
        status = answer(worker, engine, job, out, &error);
    }
    if (status != SC_OK) {
        sc_result_free(out);
        *out = (struct sc_result){.kind = SC_RESULT_ERROR, .revision = job->revision, .error = error};
    }
}

/* With the mutex held: takes the next job, lets go of the mutex while it runs. */
static void run_next(struct sc_worker *worker, void *engine)
{
    struct job job = worker->next;
    struct sc_result result;
    worker->next = (struct job){0};
    worker->running = job.kind;
    worker->superseded = false;
    worker->started = sc_now();
    sc_cancel_init(&worker->cancel, job.time_limit, 0);
    if (job.cancelled)
        sc_cancel_request(&worker->cancel);
    sc_progress_set(worker->progress, "", INFINITY, -INFINITY);
    pthread_mutex_unlock(&worker->mutex);
    run(worker, engine, &job, &result);
    job_free(&job);
    pthread_mutex_lock(&worker->mutex);
    publish(worker, worker->running, &result);
    worker->running = JOB_NONE;
}

static void *worker_main(void *user)
{
    struct sc_worker *worker = user;
    void *engine = worker->engine->start(worker->loader);
    pthread_mutex_lock(&worker->mutex);
    while (!worker->quit) {
        if (worker->next.kind == JOB_NONE)
            pthread_cond_wait(&worker->wake, &worker->mutex);
        else
            run_next(worker, engine);
    }
    pthread_mutex_unlock(&worker->mutex);
    if (engine)
        worker->engine->stop(engine);
    return NULL;
}

/* Signals from outside are the interface thread's. Those of a crash stay where the crash is, so that its handler runs.
 */
static bool start_thread(struct sc_worker *worker)
{
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
    sigset_t mask, before;
    pthread_attr_t attributes;
    sigfillset(&mask);
    for (size_t i = 0; i < SC_LEN(crashes); i++)
        sigdelset(&mask, crashes[i]);
    if (pthread_attr_init(&attributes) != 0)
        return false;
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    pthread_sigmask(SIG_BLOCK, &mask, &before);
    bool started = pthread_create(&worker->thread, &attributes, worker_main, worker) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return started;
}

/* ---- beginning and end ---- */

static bool open_pipe(int ends[2])
{
    if (pipe(ends) != 0)
        return false;
    for (int i = 0; i < 2; i++) {
        fcntl(ends[i], F_SETFD, FD_CLOEXEC);
        fcntl(ends[i], F_SETFL, O_NONBLOCK);
    }
    return true;
}

/* What is left when the thread has ended, or never began. */
static void dispose(struct sc_worker *worker)
{
    job_free(&worker->next);
    sc_result_free(&worker->result);
    for (int i = 0; i < 2; i++)
        if (worker->pipe[i] >= 0)
            close(worker->pipe[i]);
    sc_progress_free(worker->progress);
    pthread_cond_destroy(&worker->wake);
    pthread_mutex_destroy(&worker->mutex);
    sc_free(worker);
}

struct sc_worker *worker_new_with(const struct worker_engine *engine, const struct sc_loader *loader,
                                  struct sc_error *err)
{
    struct sc_worker *worker = sc_alloc(sizeof *worker);
    if (!worker) {
        sc_fail(err, SC_NO_MEMORY, "no memory for the worker");
        return NULL;
    }
    worker->engine = engine;
    worker->loader = loader;
    worker->pipe[0] = worker->pipe[1] = -1;
    pthread_mutex_init(&worker->mutex, NULL);
    pthread_cond_init(&worker->wake, NULL);
    worker->progress = sc_progress_new();
    if (!worker->progress)
        sc_fail(err, SC_NO_MEMORY, "no memory for the worker");
    else if (!open_pipe(worker->pipe) || !start_thread(worker))
        sc_fail(err, SC_INTERNAL, "cannot start a thread: too many of them, or too many open files");
    else
        return worker;
    dispose(worker);
    return NULL;
}

struct sc_worker *sc_worker_new(const struct sc_loader *loader, struct sc_error *err)
{
    return worker_new_with(&worker_planner, loader, err);
}

void sc_worker_free(struct sc_worker *worker)
{
    if (!worker)
        return;
    pthread_mutex_lock(&worker->mutex);
    worker->quit = true;
    sc_cancel_request(&worker->cancel);
    pthread_cond_signal(&worker->wake);
    pthread_mutex_unlock(&worker->mutex);
    pthread_join(worker->thread, NULL);
    dispose(worker);
}

/* ---- asking ---- */

int sc_worker_fd(const struct sc_worker *worker)
{
    return worker->pipe[0];
}

/* With the mutex held. */
static void submit(struct sc_worker *worker, const struct job *job)
{
    job_free(&worker->next);
    worker->next = *job;
    if (worker->running != JOB_NONE) {
        worker->superseded = true;
        sc_cancel_request(&worker->cancel);
    }
    pthread_cond_signal(&worker->wake);
}

enum sc_status sc_worker_submit(struct sc_worker *worker, const struct sc_settings *settings, uint64_t revision,
                                double time_limit, struct sc_error *err)
{
    struct job job = {.kind = JOB_PLAN, .revision = revision, .time_limit = time_limit};
    if (!sc_settings_copy(&job.settings, settings))
        return sc_fail(err, SC_NO_MEMORY, "no memory for a job");
    pthread_mutex_lock(&worker->mutex);
    submit(worker, &job);
    pthread_mutex_unlock(&worker->mutex);
    return SC_OK;
}

/* A question about a plan; not while a newer one is being made. Takes what the job owns over. */
static enum sc_status ask(struct sc_worker *worker, struct job job, const struct sc_plan *plan, struct sc_error *err)
{
    job.revision = plan->revision;
    pthread_mutex_lock(&worker->mutex);
    bool busy = worker->next.kind == JOB_PLAN || worker->running == JOB_PLAN;
    if (!busy) {
        job.plan = sc_plan_share(plan);
        submit(worker, &job);
    }
    pthread_mutex_unlock(&worker->mutex);
    if (busy)
        job_free(&job);
    return busy ? sc_fail(err, SC_CANCELLED, "a newer plan is being made; ask again of that one") : SC_OK;
}

enum sc_status sc_worker_submit_delta(struct sc_worker *worker, const struct sc_plan *plan, int node,
                                      struct sc_error *err)
{
    return ask(worker, (struct job){.kind = JOB_DELTA, .node = node, .choice = -1}, plan, err);
}

enum sc_status sc_worker_submit_why(struct sc_worker *worker, const struct sc_plan *plan, int op, int choice,
                                    struct sc_error *err)
{
    return ask(worker, (struct job){.kind = JOB_WHY, .node = op, .choice = choice}, plan, err);
}

enum sc_status sc_worker_submit_what_if(struct sc_worker *worker, const struct sc_plan *plan, const char *lines,
                                        int tag, bool reasons, struct sc_error *err)
{
    struct job job = {.kind = JOB_WHAT_IF, .node = tag, .reasons = reasons, .lines = sc_alloc(strlen(lines) + 1)};
    if (!job.lines)
        return sc_fail(err, SC_NO_MEMORY, "no memory for a question");
    strcpy(job.lines, lines);
    return ask(worker, job, plan, err);
}

enum sc_status sc_worker_submit_timeline(struct sc_worker *worker, const struct sc_plan *plan,
                                         enum sc_schedule schedule, int chunks, struct sc_error *err)
{
    return ask(worker, (struct job){.kind = JOB_TIMELINE, .node = (int)schedule, .choice = chunks}, plan, err);
}

void sc_worker_cancel(struct sc_worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    if (worker->running != JOB_NONE)
        sc_cancel_request(&worker->cancel);
    worker->next.cancelled = worker->next.kind != JOB_NONE;
    pthread_mutex_unlock(&worker->mutex);
}

bool sc_worker_idle(struct sc_worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    bool idle = worker->running == JOB_NONE && worker->next.kind == JOB_NONE && worker->result.kind == SC_RESULT_NONE;
    pthread_mutex_unlock(&worker->mutex);
    return idle;
}

struct sc_progress_value sc_worker_progress(struct sc_worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    struct sc_progress_value value = sc_progress_get(worker->progress);
    value.started = worker->started;
    pthread_mutex_unlock(&worker->mutex);
    return value;
}

struct sc_result sc_worker_take(struct sc_worker *worker)
{
    char bytes[8];
    pthread_mutex_lock(&worker->mutex);
    while (read(worker->pipe[0], bytes, sizeof bytes) > 0)
        continue;
    struct sc_result result = worker->result;
    worker->result = (struct sc_result){0};
    pthread_mutex_unlock(&worker->mutex);
    return result;
}
