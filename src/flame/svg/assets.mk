# The script and the style of the SVG renderer, as C string constants.
#
# Comment lines, indentation and empty lines are left out; everything else
# goes into the header as it stands.  Both are embedded in CDATA sections,
# so they must not contain their end mark, and must be ASCII.

# the default goal stays what it is even when this file comes first
all:

FLAME_SVG_ASSETS = src/flame/flame_svg_assets.h
FLAME_SVG_SOURCES = src/flame/svg/flame.css src/flame/svg/flame.js

$(FLAME_SVG_ASSETS): $(FLAME_SVG_SOURCES) src/flame/svg/assets.mk
	@if LC_ALL=C grep -nE ']]>|[^	 -~]' $(FLAME_SVG_SOURCES); then \
		echo "not fit for a CDATA section" >&2; exit 1; fi
	{ echo '/* generated from src/flame/svg by assets.mk */'; \
	  for kind in css js; do \
		echo "static const char flame_svg_$$kind[] ="; \
		sed -e 's/^[ 	]*//' -e '/^$$/d' -e '/^\/\//d' -e '/^\/\*.*\*\/$$/d' \
			-e 's/[\\"]/\\&/g' -e 's/^/"/' -e 's/$$/\\n"/' \
			src/flame/svg/flame.$$kind; \
		echo '"";'; \
	  done; } > $@.new
	mv $@.new $@

src/flame/flame_svg.o src/flame/flame_svg.bc: $(FLAME_SVG_ASSETS)

EXTRA_CLEAN += $(FLAME_SVG_ASSETS)
