// Shows one case (?case=NAME) in Grafana's flame graph component, and notes
// what the component draws.
import { createTheme, dataFrameFromJSON } from '@grafana/data';
import { checkFields, FlameGraph } from '@grafana/flamegraph';
import { GlobalStyles, ThemeContext } from '@grafana/ui';
import { Component } from 'react';
import { createRoot } from 'react-dom/client';

// Every rectangle is a node: the component draws wide ones one by one, and
// narrow ones as parts of one path.
const drawn = { nodes: 0, labels: [] };
window.drawn = drawn;
const { clearRect, rect, fillText } = CanvasRenderingContext2D.prototype;
CanvasRenderingContext2D.prototype.clearRect = function (...args) {
  drawn.nodes = 0;
  drawn.labels = [];
  return clearRect.apply(this, args);
};
CanvasRenderingContext2D.prototype.rect = function (...args) {
  drawn.nodes++;
  return rect.apply(this, args);
};
CanvasRenderingContext2D.prototype.fillText = function (text, ...args) {
  drawn.labels.push(text);
  return fillText.call(this, text, ...args);
};
const pathRect = Path2D.prototype.rect;
Path2D.prototype.rect = function (...args) {
  drawn.nodes++;
  return pathRect.apply(this, args);
};

// A table result as Grafana's PostgreSQL data source sends it: a field for each
// column, named as the column is, all of them nullable.
const fieldTypes = {
  integer: { type: 'number', typeInfo: { frame: 'int32', nullable: true } },
  bigint: { type: 'number', typeInfo: { frame: 'int64', nullable: true } },
  text: { type: 'string', typeInfo: { frame: 'string', nullable: true } },
};

function toDataFrame({ columns, rows, unit }) {
  const frame = dataFrameFromJSON({
    schema: {
      refId: 'A',
      meta: { typeVersion: [0, 0] },
      fields: columns.map(({ name, type }) => ({ name, ...fieldTypes[type] })),
    },
    data: { values: columns.map(({ name }) => rows.map((row) => row[name])) },
  });
  // what a panel's field options do
  frame.fields.forEach((field) => {
    if (unit && field.type === 'number') {
      field.config = { ...field.config, unit };
    }
  });
  return frame;
}

class Boundary extends Component {
  state = {};
  static getDerivedStateFromError(error) {
    return { error };
  }
  render() {
    return this.state.error ? <pre id="failure">{String(this.state.error.stack)}</pre> : this.props.children;
  }
}

const name = new URLSearchParams(location.search).get('case');
showCase().catch((error) => {
  const failure = document.createElement('pre');
  failure.id = 'failure';
  failure.textContent = String(error.stack);
  document.body.append(failure);
});

async function showCase() {
  const response = await fetch(`cases/${name}.json`);
  const frame = toDataFrame(await response.json());
  const missing = checkFields(frame);
  if (missing) {
    throw new Error(`fields: ${JSON.stringify(missing)}`);
  }
  const theme = createTheme({ colors: { mode: 'dark' } });
  createRoot(document.getElementById('root')).render(
    <Boundary>
      <ThemeContext.Provider value={theme}>
        <GlobalStyles />
        <div style={{ margin: 8 }}>
          <FlameGraph data={frame} getTheme={() => theme} disableCollapsing showAnalyzeWithAssistant={false} />
        </div>
      </ThemeContext.Provider>
    </Boundary>
  );
}
