// What a notebook runs to show the page: a frame of its own that can reach neither the notebook nor the network.
export default {
  render({ model, el }) {
    const frame = document.createElement('iframe');
    frame.setAttribute('sandbox', 'allow-scripts allow-downloads');
    frame.style.cssText = 'width:100%;border:1px solid #8888;border-radius:6px';
    const show = () => {
      frame.title = model.get('title');
      frame.style.height = `${model.get('height')}px`;
      frame.srcdoc = model.get('html');
    };
    model.on('change:html', show);
    show();
    el.append(frame);
    return () => model.off('change:html', show);
  },
};
