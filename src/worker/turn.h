/*
 * turn.h
 *	  A table's turn: its duties, a portion at a time.
 */
#ifndef PYRO_TURN_H
#define PYRO_TURN_H

#include "worker/schedule.h"

/* Make the memory of turns. */
void		turn_init(void);

void		turn_begin_transaction(void);

/*
 * After an error: end its transaction, and get the error, which holds until the
 * next turn ends.
 */
ErrorData  *turn_recover(void);

/*
 * Give a table its turn, to the end of its round of duties or for a few
 * seconds.  Errors of duties are noted; others are raised.
 */
void		turn_serve(TableTask *task);

/* Drop what is too much for pyro.disk_limit, but nothing that is locked. */
void		turn_enforce_disk_limit(void);

#endif							/* PYRO_TURN_H */
