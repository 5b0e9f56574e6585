/*
 * worker.h
 *	  The worker: what looks after the tables of each database by itself.
 *
 * With the library in shared_preload_libraries there is a launcher, and one
 * worker for each database that has the extension.  Without, there is neither,
 * and everything can be done by hand.
 */
#ifndef PYRO_WORKER_H
#define PYRO_WORKER_H

/* Define the settings, ask for shared memory, and register the launcher. */
void		worker_init(void);

#endif							/* PYRO_WORKER_H */
