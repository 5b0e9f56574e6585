/*
 * drop.h
 *	  Blocks of dropped tables.
 */
#ifndef PYRO_DROP_H
#define PYRO_DROP_H

/* Have drops of tables noticed. */
void		drop_init(void);

#endif							/* PYRO_DROP_H */
