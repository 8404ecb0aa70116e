"""What the templates ask, in every language that has standard wordings. Written for this product; see ``catalogue``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

Text = Mapping[str, str]


def _in(en: str, de: str, es: str, fr: str, ar: str) -> Text:
    return {"en": en, "de": de, "es": es, "fr": fr, "ar": ar}


QUESTIONS: Final[Mapping[str, Text]] = {
    "drivers": _in(
        "What influenced your score most?",
        "Was hat Ihre Bewertung am meisten beeinflusst?",
        "¿Qué influyó más en su puntuación?",
        "Qu’est-ce qui a le plus influencé votre note\u202f?",
        "ما أكثر ما أثّر في تقييمك؟",
    ),
    "issue": _in(
        "Where did it go wrong?",
        "Wo lief es nicht gut?",
        "¿Dónde falló?",
        "Qu’est-ce qui n’a pas fonctionné\u202f?",
        "أين كان الخلل؟",
    ),
    "solved": _in(
        "Is your issue resolved?",
        "Ist Ihr Anliegen erledigt?",
        "¿Se ha resuelto su asunto?",
        "Votre demande est-elle réglée\u202f?",
        "هل حُلّت مشكلتك؟",
    ),
    "contacts": _in(
        "How often did you have to contact us about it?",
        "Wie oft mussten Sie sich deswegen bei uns melden?",
        "¿Cuántas veces tuvo que contactarnos por este asunto?",
        "Combien de fois avez-vous dû nous contacter à ce sujet\u202f?",
        "كم مرة اضطررت إلى التواصل معنا بشأنها؟",
    ),
    "still_open": _in(
        "What is still open?",
        "Was ist noch offen?",
        "¿Qué queda pendiente?",
        "Que reste-t-il à régler\u202f?",
        "ما الذي لا يزال عالقًا؟",
    ),
    "work_change": _in(
        "What one thing would make working here better?",
        "Welche eine Sache würde die Arbeit hier besser machen?",
        "¿Qué única cosa mejoraría el trabajo aquí?",
        "Quelle seule chose améliorerait le travail ici\u202f?",
        "ما الشيء الواحد الذي سيجعل العمل هنا أفضل؟",
    ),
    "enabled": _in(
        "I can do for our customers what they need from me.",
        "Ich kann für unsere Kunden tun, was sie von mir brauchen.",
        "Puedo hacer por nuestros clientes lo que necesitan de mí.",
        "Je peux faire pour nos clients ce qu’ils attendent de moi.",
        "أستطيع أن أقدّم لعملائنا ما يحتاجون إليه مني.",
    ),
    "enablers": _in(
        "How far do you agree?",
        "Wie sehr stimmen Sie zu?",
        "¿En qué medida está de acuerdo?",
        "Dans quelle mesure êtes-vous d’accord\u202f?",
        "إلى أي مدى توافق؟",
    ),
    "obstacle": _in(
        "What stops you most often from helping a customer?",
        "Was hindert Sie am häufigsten daran, einem Kunden zu helfen?",
        "¿Qué le impide con más frecuencia ayudar a un cliente?",
        "Qu’est-ce qui vous empêche le plus souvent d’aider un client\u202f?",
        "ما أكثر ما يمنعك من مساعدة عميل؟",
    ),
    "parts_satisfied": _in(
        "How satisfied were you with each of these?",
        "Wie zufrieden waren Sie mit jedem dieser Punkte?",
        "¿Cuál fue su grado de satisfacción con cada uno de estos puntos?",
        "Quel a été votre niveau de satisfaction sur chacun de ces points\u202f?",
        "ما مدى رضاك عن كل مما يلي؟",
    ),
    "reached": _in(
        "Have you reached what you came for?",
        "Haben Sie erreicht, was Sie erreichen wollten?",
        "¿Ha logrado lo que buscaba?",
        "Avez-vous obtenu ce que vous cherchiez\u202f?",
        "هل حققت ما أتيت من أجله؟",
    ),
    "missing": _in(
        "What is still missing?",
        "Was fehlt noch?",
        "¿Qué falta todavía?",
        "Que manque-t-il encore\u202f?",
        "ما الذي لا يزال ناقصًا؟",
    ),
    "without_it": _in(
        "How would you feel if you could no longer use it?",
        "Wie ginge es Ihnen, wenn Sie es nicht mehr nutzen könnten?",
        "¿Cómo se sentiría si ya no pudiera usarlo?",
        "Que ressentiriez-vous si vous ne pouviez plus l’utiliser\u202f?",
        "ما شعورك لو لم تعد قادرًا على استخدامه؟",
    ),
    "main_benefit": _in(
        "What do you use it for most?",
        "Wofür nutzen Sie es am meisten?",
        "¿Para qué lo usa sobre todo?",
        "Pour quoi l’utilisez-vous le plus\u202f?",
        "فيمَ تستخدمه أكثر؟",
    ),
    "disappointing": _in(
        "What would you miss least, or not at all?",
        "Was würden Sie am wenigsten oder gar nicht vermissen?",
        "¿Qué echaría menos en falta, o nada en absoluto?",
        "Qu’est-ce qui vous manquerait le moins, ou pas du tout\u202f?",
        "ما الذي لن تفتقده إلا قليلًا، أو لن تفتقده أبدًا؟",
    ),
    "improve": _in(
        "What should we improve first?",
        "Was sollten wir zuerst verbessern?",
        "¿Qué deberíamos mejorar primero?",
        "Que devrions-nous améliorer en premier\u202f?",
        "ما الذي يجب أن نحسّنه أولًا؟",
    ),
    "best": _in(
        "What will you remember?",
        "Was bleibt Ihnen in Erinnerung?",
        "¿Qué recordará?",
        "De quoi vous souviendrez-vous\u202f?",
        "ما الذي سيبقى في ذاكرتك؟",
    ),
    "again": _in(
        "Would you come again?",
        "Würden Sie wiederkommen?",
        "¿Volvería?",
        "Reviendriez-vous\u202f?",
        "هل ستحضر مرة أخرى؟",
    ),
    "why_not_again": _in(
        "What would have to change?",
        "Was müsste sich ändern?",
        "¿Qué tendría que cambiar?",
        "Que faudrait-il changer\u202f?",
        "ما الذي ينبغي أن يتغير؟",
    ),
    "leaving": _in(
        "What is your main reason for leaving?",
        "Was ist Ihr wichtigster Grund zu gehen?",
        "¿Cuál es el motivo principal de su baja?",
        "Quelle est la raison principale de votre départ\u202f?",
        "ما السبب الرئيسي لمغادرتك؟",
    ),
    "leaving_service": _in(
        "What happened?",
        "Was ist passiert?",
        "¿Qué ocurrió?",
        "Que s’est-il passé\u202f?",
        "ماذا حدث؟",
    ),
    "leaving_missing": _in(
        "What was missing?",
        "Was hat gefehlt?",
        "¿Qué faltaba?",
        "Que manquait-il\u202f?",
        "ما الذي كان ناقصًا؟",
    ),
    "leaving_where": _in(
        "Where are you going, if you want to tell us?",
        "Wohin wechseln Sie, falls Sie es uns sagen möchten?",
        "¿A dónde se va, si quiere contárnoslo?",
        "Vers qui partez-vous, si vous souhaitez nous le dire\u202f?",
        "إلى أين ستنتقل، إن أردت إخبارنا؟",
    ),
    "would_return": _in(
        "Would you come back if that changed?",
        "Kämen Sie zurück, wenn sich das ändert?",
        "¿Volvería si eso cambiara?",
        "Reviendriez-vous si cela changeait\u202f?",
        "هل ستعود إذا تغيّر ذلك؟",
    ),
    "found": _in(
        "Did you find what you were looking for?",
        "Haben Sie gefunden, was Sie gesucht haben?",
        "¿Encontró lo que buscaba?",
        "Avez-vous trouvé ce que vous cherchiez\u202f?",
        "هل وجدت ما كنت تبحث عنه؟",
    ),
    "looked_for": _in(
        "What were you looking for?",
        "Was haben Sie gesucht?",
        "¿Qué buscaba?",
        "Que cherchiez-vous\u202f?",
        "ما الذي كنت تبحث عنه؟",
    ),
    "purpose": _in(
        "Why did you visit our website today?",
        "Warum haben Sie heute unsere Website besucht?",
        "¿Por qué visitó hoy nuestro sitio web?",
        "Pourquoi avez-vous visité notre site aujourd’hui\u202f?",
        "لماذا زرت موقعنا اليوم؟",
    ),
    "arrived": _in(
        "When did it arrive?",
        "Wann kam sie an?",
        "¿Cuándo llegó?",
        "Quand est-elle arrivée\u202f?",
        "متى وصل؟",
    ),
}

SUBJECTS: Final[Mapping[str, Text]] = {
    "onboarding": _in(
        "getting started", "dem Einstieg", "sus comienzos con nosotros", "vos débuts avec nous", "بدايتك معنا"
    ),
    "product": _in("our product", "unserem Produkt", "nuestro producto", "notre produit", "منتجنا"),
    "case": _in(
        "the handling of your case",
        "der Bearbeitung Ihres Falls",
        "la gestión de su caso",
        "le traitement de votre dossier",
        "معالجة حالتك",
    ),
    "event": _in("our event", "unserer Veranstaltung", "nuestro evento", "notre événement", "فعاليتنا"),
    "website": _in("our website", "unserer Website", "nuestro sitio web", "notre site web", "موقعنا الإلكتروني"),
    "delivery": _in("the delivery", "der Lieferung", "la entrega", "la livraison", "التوصيل"),
}
"""What a CSAT question is about when the survey has no touchpoint, in the grammar of "satisfied with ..."."""

WORDS: Final[Mapping[str, Text]] = {
    "quality": _in("Quality", "Qualität", "Calidad", "Qualité", "الجودة"),
    "price": _in("Price", "Preis", "Precio", "Prix", "السعر"),
    "staff": _in(
        "The people I dealt with",
        "Die Menschen, mit denen ich zu tun hatte",
        "Las personas que me atendieron",
        "Les personnes à qui j’ai eu affaire",
        "الأشخاص الذين تعاملت معهم",
    ),
    "speed": _in("Waiting time", "Wartezeit", "Tiempo de espera", "Temps d’attente", "وقت الانتظار"),
    "information": _in("Information", "Informationen", "Información", "Information", "المعلومات"),
    "ease": _in("Effort it took", "Aufwand", "Esfuerzo necesario", "Effort nécessaire", "الجهد المطلوب"),
    "result": _in("The result", "Das Ergebnis", "El resultado", "Le résultat", "النتيجة"),
    "other": _in("Something else", "Etwas anderes", "Otra cosa", "Autre chose", "شيء آخر"),
    "yes": _in("Yes", "Ja", "Sí", "Oui", "نعم"),
    "partly": _in("Partly", "Teilweise", "En parte", "En partie", "جزئيًا"),
    "no": _in("No", "Nein", "No", "Non", "لا"),
    "maybe": _in("Perhaps", "Vielleicht", "Quizás", "Peut-être", "ربما"),
    "once": _in("Once", "Einmal", "Una vez", "Une fois", "مرة واحدة"),
    "twice": _in("Twice", "Zweimal", "Dos veces", "Deux fois", "مرتين"),
    "three": _in("Three times", "Dreimal", "Tres veces", "Trois fois", "ثلاث مرات"),
    "more": _in("More often", "Öfter", "Más veces", "Plus souvent", "أكثر من ذلك"),
    "disagree2": _in(
        "Strongly disagree",
        "Stimme überhaupt nicht zu",
        "Totalmente en desacuerdo",
        "Pas du tout d’accord",
        "لا أوافق بشدة",
    ),
    "disagree1": _in("Disagree", "Stimme nicht zu", "En desacuerdo", "Pas d’accord", "لا أوافق"),
    "neutral": _in("Neither", "Weder noch", "Ni lo uno ni lo otro", "Ni l’un ni l’autre", "محايد"),
    "agree1": _in("Agree", "Stimme zu", "De acuerdo", "D’accord", "أوافق"),
    "agree2": _in(
        "Strongly agree", "Stimme voll und ganz zu", "Totalmente de acuerdo", "Tout à fait d’accord", "أوافق بشدة"
    ),
    "tools": _in(
        "I have the tools I need.",
        "Ich habe die Werkzeuge, die ich brauche.",
        "Tengo las herramientas que necesito.",
        "J’ai les outils dont j’ai besoin.",
        "لدي الأدوات التي أحتاجها.",
    ),
    "knowledge": _in(
        "I get the information I need in time.",
        "Ich bekomme rechtzeitig die Informationen, die ich brauche.",
        "Recibo a tiempo la información que necesito.",
        "Je reçois à temps les informations nécessaires.",
        "أحصل على المعلومات التي أحتاجها في وقتها.",
    ),
    "authority": _in(
        "I may solve a customer’s problem on my own.",
        "Ich darf das Problem eines Kunden selbst lösen.",
        "Puedo resolver por mi cuenta el problema de un cliente.",
        "Je peux résoudre moi-même le problème d’un client.",
        "يمكنني حل مشكلة العميل بنفسي.",
    ),
    "processes": _in(
        "Our processes help me to help customers.",
        "Unsere Abläufe helfen mir, Kunden zu helfen.",
        "Nuestros procesos me ayudan a ayudar a los clientes.",
        "Nos procédures m’aident à aider les clients.",
        "تساعدني إجراءاتنا على خدمة العملاء.",
    ),
    "heard": _in(
        "My suggestions are heard.",
        "Meine Vorschläge werden gehört.",
        "Se escuchan mis sugerencias.",
        "Mes suggestions sont entendues.",
        "تُسمع اقتراحاتي.",
    ),
    "dissatisfied2": _in(
        "Very dissatisfied", "Sehr unzufrieden", "Muy insatisfecho", "Très insatisfait", "غير راضٍ إطلاقًا"
    ),
    "dissatisfied1": _in("Dissatisfied", "Unzufrieden", "Insatisfecho", "Insatisfait", "غير راضٍ"),
    "satisfied1": _in("Satisfied", "Zufrieden", "Satisfecho", "Satisfait", "راضٍ"),
    "satisfied2": _in("Very satisfied", "Sehr zufrieden", "Muy satisfecho", "Très satisfait", "راضٍ جدًا"),
    "welcome": _in("The welcome", "Der Empfang", "La bienvenida", "L’accueil", "الترحيب"),
    "instructions": _in("The instructions", "Die Anleitung", "Las instrucciones", "Les instructions", "الإرشادات"),
    "setup": _in("Setting up", "Die Einrichtung", "La puesta en marcha", "La mise en route", "الإعداد"),
    "support": _in(
        "Help when needed",
        "Hilfe bei Bedarf",
        "La ayuda cuando la necesitó",
        "L’aide en cas de besoin",
        "المساعدة عند الحاجة",
    ),
    "very_disappointed": _in("Very disappointed", "Sehr enttäuscht", "Muy decepcionado", "Très déçu", "محبط جدًا"),
    "somewhat_disappointed": _in(
        "Somewhat disappointed", "Etwas enttäuscht", "Algo decepcionado", "Un peu déçu", "محبط بعض الشيء"
    ),
    "not_disappointed": _in("Not disappointed", "Nicht enttäuscht", "Nada decepcionado", "Pas déçu", "غير محبط"),
    "topics": _in("Topics", "Themen", "Temas", "Thèmes", "المواضيع"),
    "speakers": _in("Speakers", "Vortragende", "Ponentes", "Intervenants", "المتحدثون"),
    "venue": _in("Venue", "Ort", "Lugar", "Lieu", "المكان"),
    "organisation": _in("Organisation", "Organisation", "Organización", "Organisation", "التنظيم"),
    "too_expensive": _in(
        "It is too expensive", "Es ist zu teuer", "Es demasiado caro", "C’est trop cher", "السعر مرتفع جدًا"
    ),
    "lacks": _in(
        "It lacks something I need",
        "Es fehlt etwas, das ich brauche",
        "Le falta algo que necesito",
        "Il manque quelque chose dont j’ai besoin",
        "ينقصه شيء أحتاجه",
    ),
    "bad_service": _in(
        "I was unhappy with the service",
        "Ich war mit dem Service unzufrieden",
        "No quedé contento con el servicio",
        "Je n’étais pas satisfait du service",
        "لم أكن راضيًا عن الخدمة",
    ),
    "competitor": _in(
        "I found something better",
        "Ich habe etwas Besseres gefunden",
        "Encontré algo mejor",
        "J’ai trouvé mieux",
        "وجدت ما هو أفضل",
    ),
    "no_need": _in(
        "I no longer need it",
        "Ich brauche es nicht mehr",
        "Ya no lo necesito",
        "Je n’en ai plus besoin",
        "لم أعد بحاجة إليه",
    ),
    "buy": _in(
        "To buy something", "Um etwas zu kaufen", "Para comprar algo", "Pour acheter quelque chose", "لشراء شيء"
    ),
    "learn": _in(
        "To find information", "Um mich zu informieren", "Para informarme", "Pour m’informer", "للبحث عن معلومات"
    ),
    "account": _in(
        "To manage my account",
        "Um mein Konto zu verwalten",
        "Para gestionar mi cuenta",
        "Pour gérer mon compte",
        "لإدارة حسابي",
    ),
    "help": _in(
        "To get help", "Um Hilfe zu bekommen", "Para obtener ayuda", "Pour obtenir de l’aide", "للحصول على المساعدة"
    ),
    "on_time": _in(
        "On the day promised", "Am zugesagten Tag", "El día prometido", "Le jour promis", "في اليوم الموعود"
    ),
    "early": _in("Earlier", "Früher", "Antes", "Plus tôt", "قبل الموعد"),
    "late": _in("Later", "Später", "Más tarde", "Plus tard", "بعد الموعد"),
}

NEW_QUESTIONS: Final[Mapping[str, Text]] = {
    "rating": _in(
        "How would you rate it?",
        "Wie bewerten Sie es?",
        "¿Cómo lo valora?",
        "Quelle note donnez-vous\u202f?",
        "كيف تقيّمه؟",
    ),
    "choice": _in(
        "Which of these applies?",
        "Was davon trifft zu?",
        "¿Cuál de estas opciones corresponde?",
        "Qu’est-ce qui correspond\u202f?",
        "أي مما يلي ينطبق؟",
    ),
    "multi_choice": _in(
        "Which of these apply?",
        "Was davon trifft alles zu?",
        "¿Cuáles de estas opciones corresponden?",
        "Lesquels correspondent\u202f?",
        "ما الذي ينطبق مما يلي؟",
    ),
    "matrix": QUESTIONS["parts_satisfied"],
    "ranking": _in(
        "What matters most to you?",
        "Was ist Ihnen am wichtigsten?",
        "¿Qué es lo más importante para usted?",
        "Qu’est-ce qui compte le plus pour vous\u202f?",
        "ما الأهم بالنسبة إليك؟",
    ),
    "text": _in(
        "What would you like to tell us?",
        "Was möchten Sie uns mitteilen?",
        "¿Qué le gustaría decirnos?",
        "Que souhaitez-vous nous dire\u202f?",
        "ما الذي تود أن تخبرنا به؟",
    ),
    "number": _in(
        "How many were there?",
        "Wie viele waren es?",
        "¿Cuántos fueron?",
        "Combien y en avait-il\u202f?",
        "كم كان العدد؟",
    ),
    "date": _in("When was that?", "Wann war das?", "¿Cuándo fue?", "Quand était-ce\u202f?", "متى كان ذلك؟"),
    "consent": _in(
        "You may contact me about my answer.",
        "Sie dürfen mich zu meiner Antwort kontaktieren.",
        "Pueden contactarme sobre mi respuesta.",
        "Vous pouvez me contacter au sujet de ma réponse.",
        "يمكنكم التواصل معي بشأن إجابتي.",
    ),
    "statement": _in(
        "Just a few more questions.",
        "Nur noch wenige Fragen.",
        "Solo unas preguntas más.",
        "Encore quelques questions.",
        "بضعة أسئلة أخرى فقط.",
    ),
    "file": _in(
        "You can add a photo or a document here.",
        "Hier können Sie ein Foto oder Dokument hinzufügen.",
        "Aquí puede añadir una foto o un documento.",
        "Vous pouvez ajouter ici une photo ou un document.",
        "يمكنك إضافة صورة أو مستند هنا.",
    ),
}
"""What a question that was just added asks, by its type."""

NEW_CHOICES: Final[tuple[Text, ...]] = (
    _in("Option 1", "Option 1", "Opción 1", "Option 1", "الخيار 1"),
    _in("Option 2", "Option 2", "Opción 2", "Option 2", "الخيار 2"),
)
NEW_ROWS: Final[tuple[Text, ...]] = (
    _in("Row 1", "Zeile 1", "Fila 1", "Ligne 1", "السطر 1"),
    _in("Row 2", "Zeile 2", "Fila 2", "Ligne 2", "السطر 2"),
)
