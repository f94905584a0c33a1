/** Words and templates of the small data sets: reviews, questions and news. */

const words = (text) => text.split(',').map((value) => value.trim());

/** `{good}` is of the mood of the whole review, `{bad}` of the other one, whichever that is. */
export const review = {
  matters: {
    hotel: words('room, bed, breakfast, view, lobby, pool, shower, staff'),
    restaurant: words('soup, service, menu, wine, dessert, bread, kitchen, waiter'),
    film: words('plot, acting, ending, music, dialogue, camera work, script, cast'),
    phone: words('screen, battery, camera, sound, case, charger, keyboard, speaker'),
    book: words('story, style, cover, translation, first chapter, hero, last page, humour'),
    bicycle: words('saddle, brake, frame, basket, bell, lamp, pump, chain'),
    concert: words('singer, band, hall, sound, drummer, light show, encore, choir'),
    coat: words('zip, colour, lining, hood, cut, pocket, collar, belt'),
  },
  positive: words(
    'excellent, wonderful, lovely, superb, delightful, brilliant, charming, splendid, fantastic, great, perfect, pleasant, amazing, beautiful, remarkable, outstanding, impressive, marvellous, good, fine',
  ),
  negative: words(
    'terrible, awful, dreadful, poor, horrible, disappointing, miserable, boring, useless, shabby, annoying, mediocre, dull, ugly, cheap, broken, sloppy, unpleasant, bad, weak',
  ),
  person: words(
    'my sister, my neighbour, my father, a colleague, our guide, my best friend, my wife, my son',
  ),
  degree: words('really, truly, quite, rather, simply, absolutely, very'),
  time: words(
    'last week, in spring, on Monday, after a month, at the weekend, last summer, on our second visit, in May',
  ),
  plain: [
    'the {part} of this {matter} was {degree} {good} .',
    'we found the {part} {good} and the {part} {good} .',
    'what a {good} {matter} , with a {good} {part} !',
    'a {good} {matter} : {person} said so {time} , and the {part} proves it .',
    '{time} {person} called the {matter} {good} , and so do i .',
    'i thought the {matter} {degree} {good} , above all the {part} .',
    'the {part} was not {bad} at all , and the {part} was {degree} {good} .',
    'nobody can call this {matter} {bad} .',
    'the {part} was anything but {bad} .',
  ],
  contrasts: [
    'the {part} was {bad} , but all in all the {matter} is {good} .',
    'although the {part} is {bad} , it is a {good} {matter} .',
    '{person} had promised us a {bad} {matter} , yet it was {good} {time} .',
    'despite a {degree} {bad} {part} , i find this {matter} {good} .',
    'not the {bad} {matter} that {person} spoke of : the {part} was {good} .',
  ],
  only_positive: [
    'we will come back for the {part} .',
    'i would buy this {matter} again .',
    '{person} loved the {part} {time} , and so did i .',
    'worth every penny , above all for the {part} .',
  ],
  only_negative: [
    'we will never come back , and the {part} is why .',
    'i want my money back for this {matter} .',
    '{person} complained about the {part} {time} , and so did i .',
    'a waste of money , above all for the {part} .',
  ],
};

/** What a question of a topic may be about. */
export const topics = {
  account: words(
    'bank, email, library, shop, travel, tax, school, gym, phone, insurance, newspaper, music, theatre, savings, hotel, train, dance school, pharmacy, museum, game, photo, chat, cinema, car rental',
  ),
  dish: words(
    'risotto, pancakes, lentil soup, apple pie, goulash, pad thai, dumplings, ratatouille, paella, lasagne, moussaka, fried rice, onion soup, pea soup, curry, gnocchi, strudel, falafel, ramen, chowder, pierogi, couscous, polenta, meatballs',
  ),
  city: words(
    'Lisbon, Oslo, Vienna, Kyoto, Lima, Cairo, Dublin, Prague, Madrid, Athens, Hanoi, Nairobi, Quito, Havana, Boston, Sydney, Seoul, Tunis, Riga, Warsaw, Zagreb, Bergen, Porto, Turin',
  ),
  pet: words(
    'cat, rabbit, parrot, hamster, dog, tortoise, goldfish, pony, canary, ferret, gecko, hedgehog, duck, goat, mouse, frog, snake, lizard, pigeon, donkey, lamb, turkey, goose, crab',
  ),
  machine: words(
    'printer, dishwasher, router, laptop, heater, freezer, drill, scanner, toaster, mixer, kettle, camera, tablet, projector, lawn mower, dryer, oven, fan, juicer, radio, monitor, vacuum cleaner, sewing machine, microwave',
  ),
  subject: words(
    'Spanish, chess, algebra, guitar, pottery, swimming, photography, first aid, Arabic, painting, piano, sailing, geometry, yoga, dancing, drawing, Japanese, knitting, singing, skiing, violin, statistics, cooking, carpentry',
  ),
};

/** Of each topic, questions in several wordings: those of one list ask the same. */
export const questions = {
  account: [
    [
      'how do i reset my {x} password ?',
      'i forgot the password of my {x} account , what now ?',
      'how can i get a new password for my {x} account ?',
    ],
    [
      'how do i close my {x} account ?',
      'can i delete my {x} account ?',
      'what must i do to end my {x} account ?',
    ],
    [
      'how do i change the address in my {x} account ?',
      'i have moved : where do i tell my {x} account ?',
      'can i enter a new address in my {x} account ?',
    ],
  ],
  dish: [
    ['how do i cook {x} ?', 'what is a good recipe for {x} ?', 'how is {x} made ?'],
    ['can i freeze {x} ?', 'does {x} keep in the freezer ?', 'is it safe to freeze {x} ?'],
    ['what wine goes with {x} ?', 'which drink fits {x} best ?', 'what should i drink with {x} ?'],
  ],
  city: [
    ['what is the weather like in {x} ?', 'is it warm in {x} now ?', 'how warm does it get in {x} ?'],
    [
      'how do i get from the airport to {x} ?',
      'is there a train from the airport into {x} ?',
      'what is the fastest way from the airport to {x} ?',
    ],
    ['what should i see in {x} ?', 'which sights of {x} are best ?', 'what is worth a visit in {x} ?'],
  ],
  pet: [
    ['what does a {x} eat ?', 'which food is right for a {x} ?', 'what should i feed my {x} ?'],
    ['how old does a {x} get ?', 'what age can a {x} reach ?', 'how long does a {x} live ?'],
    [
      'why does my {x} not move ?',
      'my {x} lies still all day , is it ill ?',
      'is it normal that a {x} hardly moves ?',
    ],
  ],
  machine: [
    ['why does my {x} not start ?', 'my {x} does not turn on , why ?', 'what if a {x} will not start ?'],
    ['which {x} should i buy ?', 'what is the best {x} for little money ?', 'can you recommend a {x} ?'],
    ['how do i clean a {x} ?', 'what is the best way to clean my {x} ?', 'how should a {x} be cleaned ?'],
  ],
  subject: [
    ['how do i learn {x} ?', 'what is the best way to learn {x} ?', 'how can i teach myself {x} ?'],
    [
      'how much does a {x} course cost ?',
      'what is the price of {x} lessons ?',
      'are {x} lessons expensive ?',
    ],
    ['where can i learn {x} near me ?', 'is there a {x} course in my town ?', 'who teaches {x} here ?'],
  ],
};

export const firstNames = words(
  'Amara, Boris, Celia, Daniel, Edith, Felix, Greta, Henry, Imani, Jonas, Katya, Linus, Marta, Nadia, Omar, Paula, Quentin, Ruth, Stefan, Tara, Ulla, Viktor, Wanda, Yusuf',
);
export const lastNames = words(
  'Adeyemi, Andersson, Baker, Castillo, Dubois, Eriksen, Fischer, Ghosh, Haddad, Ito, Jensen, Kowalski, Larsson, Moreau, Nakamura, Oliveira, Petrov, Quinn, Rossi, Schmidt, Tanaka, Usman, Vargas, Weber, Yilmaz, Zhang',
);
export const places = words(
  'Lisbon, Oslo, Vienna, Kyoto, Lima, Cairo, Dublin, Prague, New Delhi, Cape Town, Buenos Aires, Hong Kong, Norway, Peru, Kenya, Portugal, South Korea, New Zealand, Lake Como, Geneva, Riga, Tallinn, Accra, San Diego',
);
export const companies = words(
  'Norwind, Halden Bank, Lumen Foods, Arbor Press, Castor Steel, Blue Harbour Shipping, Vela Motors, Orion Rail, Kestrel Air, Meridian Post, Tern Energy, Polar Dairy, Granite Insurance, Fennel Health, Quayside Books, Ember Glass, Delta Optics, Sable Theatre, Rowan Timber, Alder Software, Pine Valley University, Linden Hospital, Mistral Radio, Cobalt Mining',
);
export const news = [
  '{PER} of {ORG} will open a new office in {LOC} next year .',
  '{ORG} said on Tuesday that {PER} had left the company .',
  'The mayor of {LOC} , {PER} , met workers of {ORG} .',
  'Shares of {ORG} fell after {PER} sold half of them .',
  '{PER} was born in {LOC} and studied at {ORG} .',
  'Heavy rain in {LOC} stopped trains to {LOC} for hours .',
  '{ORG} and {ORG} plan to build a factory near {LOC} .',
  'In {LOC} , {PER} won the race before {PER} .',
  '{PER} moved from {LOC} to {LOC} in March .',
  'A spokesman of {ORG} did not answer questions about the {machine} .',
  'The {machine} that {ORG} sells in {LOC} costs less than before .',
  '" We shall return to {LOC} , " said {PER} .',
  'Critics praised the new book by {PER} , which {ORG} printed .',
  'Prices rose again last month , and nobody knows why .',
  '{PER} teaches {subject} in {LOC} twice a week .',
  'The court in {LOC} ruled against {ORG} on Friday .',
  'Farmers near {LOC} sold more milk to {ORG} than ever .',
  'Neither {PER} nor {PER} wanted to speak about {ORG} .',
  'The {pet} of {PER} was found in {LOC} after a week .',
  'Flights of {ORG} from {LOC} were late again .',
];
